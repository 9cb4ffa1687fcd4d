"""The network between Regions inside a test's process: plain calls, which a test can cut, repeat and delay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.region_peer_grpc import NO_CONTACT
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
from meridian.domain.peers import PeerContact, PeerRegion
from meridian.errors import DependencyTimeoutException, KmsError
from meridian.operations.present import key_metadata
from meridian.ports.crypto.region_envelopes import TransportOffer
from meridian.ports.region_peer import RegionPeer


@dataclass
class Network:
    """Calls between Regions; cut pairs get no answer. Every delivery is kept and may arrive again at any time."""

    regions: dict[str, Any] = field(default_factory=dict)
    hostile: dict[str, Any] = field(default_factory=dict)
    """Configured Regions in an attacker's hands; they answer, and are no part of what must settle."""
    cut: set[frozenset[str]] = field(default_factory=set)
    deliveries: list[tuple[str, str, str, Any]] = field(default_factory=list)
    lines: dict[str, RegionPeer] = field(default_factory=dict)
    """The ways of Regions that do not use plain calls."""

    def line_of(self, region: str) -> RegionPeer:
        """The Region's way to the others."""
        return self.lines.get(region) or Line(self, region)

    async def call(self, source: str, target: str, work: Callable[[Any, PeerRegion], Awaitable[Any]]) -> Any:
        other = self.hostile.get(target) or self.regions.get(target)
        if other is None or frozenset((source, target)) in self.cut:
            raise DependencyTimeoutException(f"Region {target} did not answer.")
        return await work(other, other.peers[source])

    async def again(self, number: int) -> None:
        """Let an earlier delivery arrive once more."""
        source, target, method, message = self.deliveries[number % len(self.deliveries)]
        try:
            await self.call(source, target, lambda region, peer: getattr(region.messages, method)(peer, message))
        except KmsError:
            return


class Line:
    """Implements `ports.region_peer.RegionPeer` for one Region; held to what it promises by `tests/contract/test_region_peer.py`."""

    def __init__(self, network: Network, region: str) -> None:
        self._network = network
        self._region = region
        self._clock = SystemClock()
        self._contacts: dict[str, PeerContact] = {}

    async def transport_offer(self, region: str) -> TransportOffer:
        async def ask(other: Any, peer: PeerRegion) -> TransportOffer:
            envelopes = other.engine.envelopes
            offer: TransportOffer = envelopes.verify_transport_offer(
                envelopes.transport_offer().signed_bytes, envelopes.transport_public_key()
            )
            return offer

        answer: TransportOffer = await self._call(region, ask)
        return answer

    async def prepare(self, region: str, message: Prepare) -> bytes:
        async def ask(other: Any, peer: PeerRegion) -> bytes:
            return bytes(key_metadata(await other.prepared.prepare(message)).SerializeToString())

        return bytes(await self._call(region, ask))

    async def prepare_handover(self, region: str, message: PrepareHandover) -> None:
        await self._call(region, lambda other, peer: other.prepared.prepare_handover(message))

    async def foretell(self, region: str, message: Prepare | PrepareHandover) -> None:
        await self._call(region, lambda other, peer: other.prepared.foretell(message))

    async def deliver_set_state(self, region: str, message: DeliverSetState) -> bool:
        return bool(await self._deliver(region, "set_state", message))

    async def deliver_held(self, region: str, message: DeliverHeld) -> None:
        await self._deliver(region, "held", message)

    async def deliver_gone(self, region: str, message: DeliverGone) -> None:
        await self._deliver(region, "gone", message)

    async def _deliver(self, region: str, method: str, message: Any) -> Any:
        self._network.deliveries.append((self._region, region, method, message))
        return await self._call(region, lambda other, peer: getattr(other.messages, method)(peer, message))

    async def resolve(self, region: str, account: str, key_id: str, serial: str) -> bool:
        return bool(await self._call(region, lambda other, peer: other.places.resolve(peer, account, key_id, serial)))

    async def compare(self, region: str, incarnation: int, digests: Sequence[SetDigest]) -> Sequence[SetComparison]:
        answer = list(await self._call(region, lambda other, peer: other.compare.answer(peer, incarnation, digests)))
        self._contacts[region] = replace(self.contact(region), release=version("meridian"))
        return answer

    async def get_set(self, region: str, account: str, key_id: str, incarnation: int, *, is_reconciling: bool) -> SetShown:
        async def ask(other: Any, peer: PeerRegion) -> Any:
            return await other.answers.get_set(peer, account, key_id, incarnation, is_reconciling=is_reconciling)

        answer: SetShown = await self._call(region, ask)
        return answer

    async def get_materials(
        self, region: str, account: str, key_id: str, material_ids: Sequence[str], sequence: int, incarnation: int
    ) -> MaterialsShown:
        async def ask(other: Any, peer: PeerRegion) -> Any:
            return await other.answers.get_materials(peer, account, key_id, material_ids, sequence, incarnation)

        answer: MaterialsShown = await self._call(region, ask)
        return answer

    def contact(self, region: str) -> PeerContact:
        return self._contacts.get(region, NO_CONTACT)

    async def close(self) -> None:
        """Nothing is open."""

    async def _call(self, region: str, work: Callable[[Any, PeerRegion], Awaitable[Any]]) -> Any:
        try:
            answer = await self._network.call(self._region, region, work)
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
