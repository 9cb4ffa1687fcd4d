"""The listener for other Regions: configured peers only, known by the one name of their certificate, a SPIFFE id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc

from meridian.domain.multi_region import Term
from meridian.domain.peer_message import (
    PROTOCOL_VERSION,
    DeliverGone,
    DeliverHeld,
    DeliverSetState,
    Prepare,
)
from meridian.domain.peers import PeerRegion
from meridian.errors import ValidationException
from meridian.keepalive import PING_SECONDS_MIN
from meridian.operations.present import key_metadata
from meridian.peer.v1 import replication_pb2 as wire
from meridian.peer.v1 import replication_pb2_grpc
from meridian.ports.clock import Clock
from meridian.ports.crypto.region_envelopes import RegionEnvelopes
from meridian.release import RELEASE
from meridian.replication.answer_regions import AnswerRegions
from meridian.replication.compare import Compare
from meridian.replication.receive import ApplyMessages
from meridian.replication.resolve_places import ResolvePlaces
from meridian.replication.wire.message_bounds import PEER_MESSAGE_BYTES_MAX
from meridian.replication.wire.messages import comparison_message, digest_of, links_of, shown_message
from meridian.replication.wire.prepare_messages import foretell_of, handover_of, prepare_of
from meridian.transport.grpc_server import Connections, connection_options
from meridian.transport.peer_calls import PeerCalls, Prepared

STREAMS_PER_CONNECTION: Final = 100
CONNECTION_GRACE_MS: Final = 10 * 1000
MICROSECONDS: Final = 1_000_000

PreparedWalk = Callable[[Prepared], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class PreparedWalks:
    """What another Region asks for on a caller's behalf, each the walk of a call."""

    prepare: PreparedWalk
    prepare_handover: PreparedWalk
    foretell: PreparedWalk


@dataclass(frozen=True, slots=True)
class SetAnswers:
    """What becomes of what another Region says and asks of the sets that both are in."""

    messages: ApplyMessages
    places: ResolvePlaces
    compare: Compare
    answers: AnswerRegions


class ReplicationServer(replication_pb2_grpc.ReplicationServiceServicer):
    """Serves `meridian.peer.v1.ReplicationService`."""

    def __init__(self, calls: PeerCalls, prepared: PreparedWalks, sets: SetAnswers, envelopes: RegionEnvelopes, clock: Clock) -> None:
        self._calls = calls
        self._prepared = prepared
        self._sets = sets
        self._envelopes = envelopes
        self._clock = clock

    async def GetTransportOffer(self, request: wire.GetTransportOfferRequest, context: Any) -> wire.GetTransportOfferResponse:
        async def answer(peer: PeerRegion) -> wire.GetTransportOfferResponse:  # noqa: ARG001 - the signature of every answer
            offer = self._envelopes.transport_offer()
            return wire.GetTransportOfferResponse(
                signed_offer=offer.signed_bytes,
                transport_public_key=self._envelopes.transport_public_key(),
                protocol_version=PROTOCOL_VERSION,
                release=RELEASE,
                answered_us=int(self._clock.now().timestamp() * MICROSECONDS),
            )

        return await self._calls.answer(context, request, answer)

    async def Prepare(self, request: wire.PrepareRequest, context: Any) -> wire.PrepareResponse:
        async def answer(peer: PeerRegion) -> wire.PrepareResponse:
            message = prepare_of(request)
            self._calls.require_preparer(peer, message, "replicaRegion")
            replica = await self._prepared.prepare(message)
            return wire.PrepareResponse(key_metadata=key_metadata(replica).SerializeToString())

        return await self._calls.answer(context, request, answer)

    async def PrepareHandover(self, request: wire.PrepareHandoverRequest, context: Any) -> wire.PrepareHandoverResponse:
        async def answer(peer: PeerRegion) -> wire.PrepareHandoverResponse:
            message = handover_of(request)
            self._calls.require_preparer(peer, message, "primaryRegion")
            await self._prepared.prepare_handover(message)
            return wire.PrepareHandoverResponse()

        return await self._calls.answer(context, request, answer)

    async def Foretell(self, request: wire.ForetellRequest, context: Any) -> wire.ForetellResponse:
        async def answer(peer: PeerRegion) -> wire.ForetellResponse:
            message = foretell_of(request)
            if message is None:
                raise ValidationException("Nothing is asked.", fields=[("prepare", "is missing")])
            self._calls.require_preparer(peer, message, "replicaRegion" if isinstance(message, Prepare) else "primaryRegion")
            await self._prepared.foretell(message)
            return wire.ForetellResponse()

        return await self._calls.answer(context, request, answer)

    async def DeliverGone(self, request: wire.DeliverGoneRequest, context: Any) -> wire.DeliverGoneResponse:
        async def answer(peer: PeerRegion) -> wire.DeliverGoneResponse:
            term = Term(request.term_generation, request.term_origin, request.term_number)
            message = DeliverGone(
                account=request.set.account,
                key_id=request.set.key_id,
                serial=request.serial,
                term=term,
                request_id=request.request_id,
                incarnation=request.incarnation,
                signed_state=request.signed_state,
                transport_public_key=request.transport_public_key,
            )
            await self._sets.messages.gone(peer, message)
            return wire.DeliverGoneResponse()

        return await self._calls.answer(context, request, answer)

    async def DeliverSetState(self, request: wire.DeliverSetStateRequest, context: Any) -> wire.DeliverSetStateResponse:
        async def answer(peer: PeerRegion) -> wire.DeliverSetStateResponse:
            message = DeliverSetState(
                signed_state=request.signed_state,
                serial=request.serial,
                envelopes=tuple(request.envelopes),
                sequence=request.sequence,
                incarnation=request.incarnation,
                request_id=request.request_id,
                transport_public_key=request.transport_public_key,
                links=links_of(request.links),
                issuer_public_key=request.issuer_public_key,
            )
            return wire.DeliverSetStateResponse(acknowledged=await self._sets.messages.set_state(peer, message))

        return await self._calls.answer(context, request, answer)

    async def DeliverHeld(self, request: wire.DeliverHeldRequest, context: Any) -> wire.DeliverHeldResponse:
        async def answer(peer: PeerRegion) -> wire.DeliverHeldResponse:
            message = DeliverHeld(
                account=request.set.account,
                key_id=request.set.key_id,
                serial=request.serial,
                term=Term(request.term_generation, request.term_origin, request.term_number),
                material_ids=tuple(request.material_ids),
                incarnation=request.incarnation,
                request_id=request.request_id,
            )
            await self._sets.messages.held(peer, message)
            return wire.DeliverHeldResponse()

        return await self._calls.answer(context, request, answer)

    async def Resolve(self, request: wire.ResolveRequest, context: Any) -> wire.ResolveResponse:
        async def answer(peer: PeerRegion) -> wire.ResolveResponse:
            committed = await self._sets.places.resolve(peer, request.set.account, request.set.key_id, request.serial)
            return wire.ResolveResponse(committed=committed)

        return await self._calls.answer(context, request, answer)

    async def Compare(self, request: wire.CompareRequest, context: Any) -> wire.CompareResponse:
        async def answer(peer: PeerRegion) -> wire.CompareResponse:
            digests = [digest_of(digest) for digest in request.digests]
            comparisons = await self._sets.compare.answer(peer, request.incarnation, digests)
            return wire.CompareResponse(comparisons=map(comparison_message, comparisons), release=RELEASE)

        return await self._calls.answer(context, request, answer)

    async def GetSet(self, request: wire.GetSetRequest, context: Any) -> wire.GetSetResponse:
        async def answer(peer: PeerRegion) -> wire.GetSetResponse:
            name, reconciling = request.set, request.is_reconciling
            return shown_message(
                await self._sets.answers.get_set(peer, name.account, name.key_id, request.incarnation, is_reconciling=reconciling)
            )

        return await self._calls.answer(context, request, answer)

    async def GetMaterials(self, request: wire.GetMaterialsRequest, context: Any) -> wire.GetMaterialsResponse:
        async def answer(peer: PeerRegion) -> wire.GetMaterialsResponse:
            name = request.set
            shown = await self._sets.answers.get_materials(
                peer, name.account, name.key_id, request.material_ids, request.sequence, request.incarnation
            )
            return wire.GetMaterialsResponse(
                envelopes=shown.envelopes, transport_public_key=shown.transport_public_key, incarnation=shown.incarnation
            )

        return await self._calls.answer(context, request, answer)


def make_peer_server(service: ReplicationServer, connections: int, interceptors: Sequence[Any], *, is_shared: bool) -> grpc.aio.Server:
    """A server for other Regions, of so many connections, not yet listening."""
    given = Connections(connections, PING_SECONDS_MIN, is_shared)
    server = grpc.aio.server(
        interceptors=interceptors,
        options=[
            *connection_options(given, STREAMS_PER_CONNECTION),
            ("grpc.max_receive_message_length", PEER_MESSAGE_BYTES_MAX),
            ("grpc.max_connection_age_grace_ms", CONNECTION_GRACE_MS),
        ],
    )
    replication_pb2_grpc.add_ReplicationServiceServicer_to_server(service, server)
    return server
