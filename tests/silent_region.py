"""A Region that answers nothing: who stands in for one answers what his story needs."""

from __future__ import annotations

from typing import NoReturn

import grpc

from meridian.peer.v1 import replication_pb2 as wire
from meridian.peer.v1 import replication_pb2_grpc


def unanswered(context: grpc.ServicerContext) -> NoReturn:
    context.abort(grpc.StatusCode.UNIMPLEMENTED, "not answered here")
    raise AssertionError("abort returned")


class SilentRegion(replication_pb2_grpc.ReplicationServiceServicer):
    """Every question of other Regions, unanswered."""

    def GetTransportOffer(self, request: wire.GetTransportOfferRequest, context: grpc.ServicerContext) -> wire.GetTransportOfferResponse:
        unanswered(context)

    def Prepare(self, request: wire.PrepareRequest, context: grpc.ServicerContext) -> wire.PrepareResponse:
        unanswered(context)

    def PrepareHandover(self, request: wire.PrepareHandoverRequest, context: grpc.ServicerContext) -> wire.PrepareHandoverResponse:
        unanswered(context)

    def Foretell(self, request: wire.ForetellRequest, context: grpc.ServicerContext) -> wire.ForetellResponse:
        unanswered(context)

    def DeliverGone(self, request: wire.DeliverGoneRequest, context: grpc.ServicerContext) -> wire.DeliverGoneResponse:
        unanswered(context)

    def DeliverSetState(self, request: wire.DeliverSetStateRequest, context: grpc.ServicerContext) -> wire.DeliverSetStateResponse:
        unanswered(context)

    def DeliverHeld(self, request: wire.DeliverHeldRequest, context: grpc.ServicerContext) -> wire.DeliverHeldResponse:
        unanswered(context)

    def Resolve(self, request: wire.ResolveRequest, context: grpc.ServicerContext) -> wire.ResolveResponse:
        unanswered(context)

    def Compare(self, request: wire.CompareRequest, context: grpc.ServicerContext) -> wire.CompareResponse:
        unanswered(context)

    def GetSet(self, request: wire.GetSetRequest, context: grpc.ServicerContext) -> wire.GetSetResponse:
        unanswered(context)

    def GetMaterials(self, request: wire.GetMaterialsRequest, context: grpc.ServicerContext) -> wire.GetMaterialsResponse:
        unanswered(context)
