"""Every call of another Region: who calls, how often, within which bounds, as part of which trace; and how it is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeAlias, TypeVar

from grpc_status import rpc_status

from meridian.authentication.certificate_names import CertificateNames
from meridian.domain.peer_message import PROTOCOL_VERSION, Prepare, PrepareHandover, Spoken
from meridian.domain.peers import PeerRegion
from meridian.domain.trace_context import TRACEPARENT
from meridian.errors import AccessDeniedException, KmsError, KMSInternalException, ValidationException
from meridian.ports.clock import Clock
from meridian.ports.security_events import SecurityEvents
from meridian.ports.store.region import RegionIdentity
from meridian.ports.traces import Traces
from meridian.replication.refusals import Refusals
from meridian.replication.sets.authority import require_own_name
from meridian.replication.sets.claims import NotBelieved, Rule
from meridian.replication.wire.message_bounds import LENGTHS, OutOfBounds, require_bounds
from meridian.transport.error_table import status_of
from meridian.transport.grpc_evidence import certificate_of
from meridian.transport.peer_rate import PeerCallsAtOnce, PeerRate, cost_of

T = TypeVar("T")
Prepared: TypeAlias = Prepare | PrepareHandover


class PeerCalls:
    """Configured Regions only, known by the one name of their certificate, a SPIFFE id."""

    def __init__(
        self,
        *,
        peers: Mapping[str, PeerRegion],
        identity: RegionIdentity,
        clock: Clock,
        events: SecurityEvents,
        refusals: Refusals,
        traces: Traces,
    ) -> None:
        self._peers = {peer.spiffe_id: peer for peer in peers.values()}
        self._names = CertificateNames()
        self._spoken = Spoken(identity.deployment, identity.partition, PROTOCOL_VERSION)
        self._rate = PeerRate(clock)
        self._at_once = PeerCallsAtOnce()
        self._events = events
        self._refusals = refusals
        self._traces = traces

    async def answer(self, context: Any, request: Any, answer: Callable[[PeerRegion], Awaitable[T]]) -> T:
        """What this answers to the Region that calls; whatever it raises leaves as a status."""
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

    def require_preparer(self, peer: PeerRegion, message: Prepared, field: str) -> None:
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
