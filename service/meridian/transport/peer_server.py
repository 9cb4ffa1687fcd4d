"""The listener for other Regions: configured peers only, known by the one name of their certificate, a SPIFFE id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib.metadata import version
from typing import Any, Final, TypeAlias, TypeVar

import grpc
from grpc_status import rpc_status

from meridian.authentication.certificate_names import CertificateNames
from meridian.domain.multi_region import Term
from meridian.domain.peer_message import (
    PROTOCOL_VERSION,
    DeliverGone,
    DeliverHeld,
    DeliverSetState,
    Prepare,
    PrepareHandover,
    Spoken,
)
from meridian.domain.peers import PeerRegion
from meridian.domain.trace_context import TRACEPARENT
from meridian.errors import AccessDeniedException, KmsError, KMSInternalException, ValidationException
from meridian.keepalive import PING_SECONDS_MIN
from meridian.operations.present import key_metadata
from meridian.peer.v1 import replication_pb2 as wire
from meridian.peer.v1 import replication_pb2_grpc
from meridian.ports.clock import Clock
from meridian.ports.crypto.region_envelopes import RegionEnvelopes
from meridian.ports.security_events import SecurityEvents
from meridian.ports.store.region import RegionIdentity
from meridian.ports.traces import Traces
from meridian.replication.answer_regions import AnswerRegions
from meridian.replication.compare import Compare
from meridian.replication.receive import ApplyMessages
from meridian.replication.refusals import Refusals
from meridian.replication.sets.authority import require_own_name
from meridian.replication.sets.claims import NotBelieved, Rule
from meridian.replication.wire.message_bounds import LENGTHS, PEER_MESSAGE_BYTES_MAX, OutOfBounds, require_bounds
from meridian.replication.wire.messages import comparison_message, digest_of, links_of, shown_message
from meridian.replication.wire.prepare_messages import foretell_of, handover_of, prepare_of
from meridian.transport.error_table import status_of
from meridian.transport.grpc_evidence import certificate_of
from meridian.transport.grpc_server import Connections, connection_options
from meridian.transport.peer_rate import PeerCallsAtOnce, PeerRate, cost_of

STREAMS_PER_CONNECTION: Final = 100
CONNECTION_GRACE_MS: Final = 10 * 1000
MICROSECONDS: Final = 1_000_000

T = TypeVar("T")
Prepared: TypeAlias = Prepare | PrepareHandover
PreparedWalk = Callable[[Prepared], Awaitable[Any]]


class ReplicationServer(replication_pb2_grpc.ReplicationServiceServicer):
    """Serves `meridian.peer.v1.ReplicationService`."""

    def __init__(
        self,
        *,
        peers: Mapping[str, PeerRegion],
        envelopes: RegionEnvelopes,
        prepare: PreparedWalk,
        prepare_handover: PreparedWalk,
        foretell: PreparedWalk,
        messages: ApplyMessages,
        compare: Compare,
        answers: AnswerRegions,
        identity: RegionIdentity,
        clock: Clock,
        events: SecurityEvents,
        refusals: Refusals,
        traces: Traces,
    ) -> None:
        self._traces = traces
        self._clock = clock
        self._release = version("meridian")
        self._names = CertificateNames()
        self._spoken = Spoken(identity.deployment, identity.partition, PROTOCOL_VERSION)
        self._rate = PeerRate(clock)
        self._at_once = PeerCallsAtOnce()
        self._events = events
        self._refusals = refusals
        self._peers = {peer.spiffe_id: peer for peer in peers.values()}
        self._envelopes = envelopes
        self._prepare = prepare
        self._prepare_handover = prepare_handover
        self._foretell = foretell
        self._messages = messages
        self._compare = compare
        self._answers = answers

    async def GetTransportOffer(self, request: wire.GetTransportOfferRequest, context: Any) -> wire.GetTransportOfferResponse:
        async def answer(peer: PeerRegion) -> wire.GetTransportOfferResponse:  # noqa: ARG001 - the signature of every answer
            offer = self._envelopes.transport_offer()
            return wire.GetTransportOfferResponse(
                signed_offer=offer.signed_bytes,
                transport_public_key=self._envelopes.transport_public_key(),
                protocol_version=PROTOCOL_VERSION,
                release=self._release,
                answered_us=int(self._clock.now().timestamp() * MICROSECONDS),
            )

        return await self._answer(context, request, answer)

    async def Prepare(self, request: wire.PrepareRequest, context: Any) -> wire.PrepareResponse:
        async def answer(peer: PeerRegion) -> wire.PrepareResponse:
            message = prepare_of(request)
            self._require_preparer(peer, message, "replicaRegion")
            replica = await self._prepare(message)
            return wire.PrepareResponse(key_metadata=key_metadata(replica).SerializeToString())

        return await self._answer(context, request, answer)

    async def PrepareHandover(self, request: wire.PrepareHandoverRequest, context: Any) -> wire.PrepareHandoverResponse:
        async def answer(peer: PeerRegion) -> wire.PrepareHandoverResponse:
            message = handover_of(request)
            self._require_preparer(peer, message, "primaryRegion")
            await self._prepare_handover(message)
            return wire.PrepareHandoverResponse()

        return await self._answer(context, request, answer)

    async def Foretell(self, request: wire.ForetellRequest, context: Any) -> wire.ForetellResponse:
        async def answer(peer: PeerRegion) -> wire.ForetellResponse:
            message = foretell_of(request)
            if message is None:
                raise ValidationException("Nothing is asked.", fields=[("prepare", "is missing")])
            self._require_preparer(peer, message, "replicaRegion" if isinstance(message, Prepare) else "primaryRegion")
            await self._foretell(message)
            return wire.ForetellResponse()

        return await self._answer(context, request, answer)

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
            await self._messages.gone(peer, message)
            return wire.DeliverGoneResponse()

        return await self._answer(context, request, answer)

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
            return wire.DeliverSetStateResponse(acknowledged=await self._messages.set_state(peer, message))

        return await self._answer(context, request, answer)

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
            await self._messages.held(peer, message)
            return wire.DeliverHeldResponse()

        return await self._answer(context, request, answer)

    async def Resolve(self, request: wire.ResolveRequest, context: Any) -> wire.ResolveResponse:
        async def answer(peer: PeerRegion) -> wire.ResolveResponse:
            committed = await self._messages.resolve(peer, request.set.account, request.set.key_id, request.serial)
            return wire.ResolveResponse(committed=committed)

        return await self._answer(context, request, answer)

    async def Compare(self, request: wire.CompareRequest, context: Any) -> wire.CompareResponse:
        async def answer(peer: PeerRegion) -> wire.CompareResponse:
            digests = [digest_of(digest) for digest in request.digests]
            comparisons = await self._compare.answer(peer, request.incarnation, digests)
            return wire.CompareResponse(comparisons=map(comparison_message, comparisons), release=self._release)

        return await self._answer(context, request, answer)

    async def GetSet(self, request: wire.GetSetRequest, context: Any) -> wire.GetSetResponse:
        async def answer(peer: PeerRegion) -> wire.GetSetResponse:
            name, reconciling = request.set, request.is_reconciling
            return shown_message(
                await self._answers.get_set(peer, name.account, name.key_id, request.incarnation, is_reconciling=reconciling)
            )

        return await self._answer(context, request, answer)

    async def GetMaterials(self, request: wire.GetMaterialsRequest, context: Any) -> wire.GetMaterialsResponse:
        async def answer(peer: PeerRegion) -> wire.GetMaterialsResponse:
            name = request.set
            shown = await self._answers.get_materials(
                peer, name.account, name.key_id, request.material_ids, request.sequence, request.incarnation
            )
            return wire.GetMaterialsResponse(
                envelopes=shown.envelopes, transport_public_key=shown.transport_public_key, incarnation=shown.incarnation
            )

        return await self._answer(context, request, answer)

    async def _answer(self, context: Any, request: Any, answer: Callable[[PeerRegion], Awaitable[T]]) -> T:
        try:
            peer = self._peer_of(context)
            self._rate.draw(peer.region, cost_of(request))
            self._require_bounds(peer, request)
            with self._at_once.one_more(peer.region, request), self._span(context, peer, request):
                return await answer(peer)
        except KmsError as error:
            failure = error
        except Exception as fault:
            self._events.report_fault(fault, during=f"peer {type(request).__name__}")
            failure = KMSInternalException(reason=type(fault).__name__)
        request_id = getattr(request, "request_id", "")[: LENGTHS["request_id"]]
        await context.abort_with_status(rpc_status.to_status(status_of(failure, request_id)))
        raise AssertionError("abort returned")

    def _span(self, context: Any, peer: PeerRegion, request: Any) -> AbstractContextManager[None]:
        """Of a known Region's call: part of its trace."""
        came = [value for name, value in context.invocation_metadata() or () if name == TRACEPARENT]
        method = type(request).__name__.removesuffix("Request")
        return self._traces.serving(f"peer {method}", came[0] if len(came) == 1 else "", lambda: [("meridian.peer_region", peer.region)])

    def _require_bounds(self, peer: PeerRegion, request: Any) -> None:
        try:
            require_bounds(request)
        except OutOfBounds as fault:
            self._refusals.tell(peer.region, "", "", NotBelieved(Rule.BOUNDS, str(fault)))
            raise ValidationException(f"The message is out of bounds: {fault}.", fields=[("message", str(fault))]) from fault

    def _require_preparer(self, peer: PeerRegion, message: Prepared, field: str) -> None:
        """Both Regions are of one deployment and partition, speak one protocol, and the sender speaks for itself."""
        with self._refusals.telling(peer.region, message.account, message.key_id):
            require_own_name(peer.region, message.primary_region)
        for name, theirs, own in zip(Spoken._fields, message.spoken, self._spoken, strict=True):
            if theirs != own:
                what = name.replace("_", " ")
                self._refusals.tell(peer.region, message.account, message.key_id, NotBelieved(Rule.ROW, f"another {what}"))
                raise ValidationException(f"The two Regions differ in their {what}.", fields=[(field, f"is of another {what}")])

    def _peer_of(self, context: Any) -> PeerRegion:
        names = self._names.of(certificate_of(context.auth_context()))
        peer = self._peers.get(names[0]) if len(names) == 1 else None
        if peer is None:
            raise AccessDeniedException("The caller is not a configured Region.")
        return peer


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
