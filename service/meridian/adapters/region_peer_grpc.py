"""Other Regions over gRPC with mutual TLS.

The server must show a certificate of the peer authority with the DNS name of the Region that is meant, so one Region cannot
answer for another; what it signs is checked against the fingerprint that the operator configured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final

import grpc

from meridian import errors
from meridian.adapters.peer_channels import TIMEOUT_SECONDS, PeerChannels
from meridian.adapters.peer_refusals import error_of, no_answer
from meridian.domain.foreign_text import printable
from meridian.domain.peer_message import (
    DeliverGone,
    DeliverHeld,
    DeliverSetState,
    MaterialsShown,
    Prepare,
    PrepareHandover,
    SetComparison,
    SetDigest,
    SetShown,
)
from meridian.domain.peers import PeerContact
from meridian.domain.trace_context import TRACEPARENT
from meridian.errors import DependencyTimeoutException, KmsError
from meridian.peer.v1 import replication_pb2 as wire
from meridian.peer.v1 import replication_pb2_grpc
from meridian.ports.clock import Clock
from meridian.ports.crypto.region_envelopes import RegionEnvelopes, TransportOffer
from meridian.ports.traces import Traces
from meridian.replication.refusals import Refusals
from meridian.replication.sets.claims import NotBelieved, Rule
from meridian.replication.wire.message_bounds import OutOfBounds, require_bounds
from meridian.replication.wire.messages import comparison_of, digest_message, link_messages, shown_of
from meridian.replication.wire.prepare_messages import foretell_request, handover_request, prepare_request

OFFER_SECONDS: Final = 600.0
RELEASE_CHARACTERS_MAX: Final = 64
NO_CONTACT: Final = PeerContact()
"""With a Region that nothing was asked of."""
Metadata = tuple[tuple[str, str], ...] | None


class GrpcRegionPeer:
    """Implements `ports.region_peer.RegionPeer`."""

    def __init__(
        self,
        channels: PeerChannels,
        envelopes: RegionEnvelopes,
        clock: Clock,
        refusals: Refusals,
        *,
        traces: Traces,
    ) -> None:
        self._channels = channels
        self._refusals = refusals
        self._traces = traces
        self._envelopes = envelopes
        self._clock = clock
        self._offers: dict[str, tuple[float, TransportOffer]] = {}
        self._contacts: dict[str, PeerContact] = {}

    async def transport_offer(self, region: str) -> TransportOffer:
        known = self._offers.get(region)
        if known is not None and known[0] > self._clock.monotonic():
            return known[1]
        answer = await self._call(region, "GetTransportOffer", wire.GetTransportOfferRequest())
        peer = self._channels.peers[region]
        if not compare_digest(sha256(answer.transport_public_key).hexdigest(), peer.transport_fingerprint):
            raise no_answer(region, "transport key differs from the configured one")
        try:
            offer = self._envelopes.verify_transport_offer(answer.signed_offer, answer.transport_public_key)
        except ValueError as fault:
            raise no_answer(region, f"transport offer: {fault}") from fault
        if offer.region != region:
            raise no_answer(region, "transport offer of another Region")
        self._offers[region] = (self._clock.monotonic() + OFFER_SECONDS, offer)
        return offer

    async def prepare(self, region: str, message: Prepare) -> bytes:
        answer = await self._call(region, "Prepare", prepare_request(message))
        return bytes(answer.key_metadata)

    async def prepare_handover(self, region: str, message: PrepareHandover) -> None:
        await self._call(region, "PrepareHandover", handover_request(message))

    async def foretell(self, region: str, message: Prepare | PrepareHandover) -> None:
        await self._call(region, "Foretell", foretell_request(message))

    async def deliver_gone(self, region: str, message: DeliverGone) -> None:
        request = wire.DeliverGoneRequest(
            set=wire.KeySetName(account=message.account, key_id=message.key_id),
            serial=message.serial,
            term_generation=message.term.generation,
            term_origin=message.term.origin,
            term_number=message.term.number,
            request_id=message.request_id,
            incarnation=message.incarnation or 0,
            signed_state=message.signed_state,
            transport_public_key=message.transport_public_key,
        )
        await self._call(region, "DeliverGone", request)

    async def deliver_set_state(self, region: str, message: DeliverSetState) -> bool:
        request = wire.DeliverSetStateRequest(
            signed_state=message.signed_state,
            serial=message.serial,
            envelopes=message.envelopes,
            sequence=message.sequence,
            incarnation=message.incarnation,
            request_id=message.request_id,
            transport_public_key=message.transport_public_key,
            links=link_messages(message.links),
            issuer_public_key=message.issuer_public_key,
        )
        try:
            answer = await self._call(region, "DeliverSetState", request)
        except errors.ValidationException:
            self._offers.pop(region, None)  # its HPKE key may have been replaced: ask for a new offer next time
            raise
        return bool(answer.acknowledged)

    async def deliver_held(self, region: str, message: DeliverHeld) -> None:
        request = wire.DeliverHeldRequest(
            set=wire.KeySetName(account=message.account, key_id=message.key_id),
            serial=message.serial,
            term_generation=message.term.generation,
            term_origin=message.term.origin,
            term_number=message.term.number,
            material_ids=message.material_ids,
            incarnation=message.incarnation,
            request_id=message.request_id,
        )
        await self._call(region, "DeliverHeld", request)

    async def resolve(self, region: str, account: str, key_id: str, serial: str) -> bool:
        request = wire.ResolveRequest(set=wire.KeySetName(account=account, key_id=key_id), serial=serial)
        answer = await self._call(region, "Resolve", request)
        return bool(answer.committed)

    async def compare(self, region: str, incarnation: int, digests: Sequence[SetDigest]) -> Sequence[SetComparison]:
        request = wire.CompareRequest(incarnation=incarnation, digests=[digest_message(digest) for digest in digests])
        answer = await self._call(region, "Compare", request)
        self._contacts[region] = replace(self.contact(region), release=printable(answer.release, RELEASE_CHARACTERS_MAX))
        if len(answer.comparisons) != len(digests):
            raise no_answer(region, "another number of comparisons than digests")
        return [comparison_of(comparison) for comparison in answer.comparisons]

    async def get_set(self, region: str, account: str, key_id: str, incarnation: int, *, is_reconciling: bool) -> SetShown:
        name = wire.KeySetName(account=account, key_id=key_id)
        answer = await self._call(region, "GetSet", wire.GetSetRequest(set=name, incarnation=incarnation, is_reconciling=is_reconciling))
        try:
            return shown_of(answer)
        except ValueError as fault:
            raise no_answer(region, "an answer that cannot be read") from fault

    async def get_materials(
        self, region: str, account: str, key_id: str, material_ids: Sequence[str], sequence: int, incarnation: int
    ) -> MaterialsShown:
        request = wire.GetMaterialsRequest(
            set=wire.KeySetName(account=account, key_id=key_id), material_ids=material_ids, sequence=sequence, incarnation=incarnation
        )
        answer = await self._call(region, "GetMaterials", request)
        return MaterialsShown(tuple(answer.envelopes), answer.transport_public_key, answer.incarnation)

    async def close(self) -> None:
        await self._channels.close()

    def contact(self, region: str) -> PeerContact:
        return self._contacts.get(region, NO_CONTACT)

    async def _call(self, region: str, method: str, request: Any) -> Any:
        """One question, and a note of whether it was answered. Raises: KmsError."""
        try:
            with self._traces.asking(f"peer {method}", [("meridian.peer_region", region)]) as asking:
                metadata = ((TRACEPARENT, asking.traceparent),) if asking.traceparent else None
                answer = await self._ask(region, method, request, metadata)
        except DependencyTimeoutException as fault:
            self._contacts[region] = replace(self.contact(region), trouble=fault.message)
            raise
        except KmsError:
            self._note_answer(region)
            raise
        self._note_answer(region)
        return answer

    def _note_answer(self, region: str) -> None:
        self._contacts[region] = replace(self.contact(region), heard_at=self._clock.now(), trouble="")

    async def _ask(self, region: str, method: str, request: Any, metadata: Metadata) -> Any:
        stub: Any = replication_pb2_grpc.ReplicationServiceStub(self._channels.to(region))
        try:
            # Waiting for a connection, within the timeout, lets a Region that has just come back be found at once.
            answer = await getattr(stub, method)(request, timeout=TIMEOUT_SECONDS, metadata=metadata, wait_for_ready=True)
            if answer is None:  # bytes that are no message of the contract
                raise OutOfBounds("the answer cannot be read")
            require_bounds(answer)
        except grpc.aio.AioRpcError as fault:
            raise error_of(fault, region) from fault
        except Exception as fault:  # whatever a Region answers that cannot be read is no answer, of whatever kind the fault is
            reason = str(fault) if isinstance(fault, OutOfBounds) else f"an answer that cannot be read: {type(fault).__name__}"
            name = getattr(request, "set", None) or wire.KeySetName()
            self._refusals.tell(region, name.account, name.key_id, NotBelieved(Rule.BOUNDS, reason))
            raise no_answer(region, reason) from fault
        return answer
