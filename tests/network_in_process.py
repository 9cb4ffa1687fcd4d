"""The network between Regions inside a test's process: plain calls, which a test can cut, repeat and delay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from meridian.domain.peers import PeerRegion
from meridian.errors import DependencyTimeoutException, KmsError


@dataclass
class Network:
    """Calls between Regions; cut pairs get no answer. Every delivery is kept and may arrive again at any time."""

    regions: dict[str, Any] = field(default_factory=dict)
    hostile: dict[str, Any] = field(default_factory=dict)
    """Configured Regions in an attacker's hands; they answer, and are no part of what must settle."""
    cut: set[frozenset[str]] = field(default_factory=set)
    deliveries: list[tuple[str, str, str, Any]] = field(default_factory=list)

    async def call(self, source: str, target: str, work: Callable[[Any, PeerRegion], Awaitable[Any]]) -> Any:
        if frozenset((source, target)) in self.cut:
            raise DependencyTimeoutException(f"Region {target} did not answer.")
        other = self.hostile.get(target) or self.regions[target]
        return await work(other, other.peers[source])

    async def again(self, number: int) -> None:
        """Let an earlier delivery arrive once more."""
        source, target, method, message = self.deliveries[number % len(self.deliveries)]
        try:
            await self.call(source, target, lambda region, peer: getattr(region.messages, method)(peer, message))
        except KmsError:
            return


class Line:
    """Implements `ports.region_peer.RegionPeer` for one Region."""

    def __init__(self, network: Network, region: str) -> None:
        self._network = network
        self._region = region

    async def transport_offer(self, region: str) -> Any:
        async def ask(other: Any, peer: PeerRegion) -> Any:
            return other.engine.envelopes.verify_transport_offer(
                other.engine.envelopes.transport_offer().signed_bytes, other.engine.envelopes.transport_public_key()
            )

        return await self._network.call(self._region, region, ask)

    async def deliver_set_state(self, region: str, message: Any) -> bool:
        return bool(await self._deliver(region, "set_state", message))

    async def deliver_held(self, region: str, message: Any) -> None:
        await self._deliver(region, "held", message)

    async def deliver_gone(self, region: str, message: Any) -> None:
        await self._deliver(region, "gone", message)

    async def _deliver(self, region: str, method: str, message: Any) -> Any:
        self._network.deliveries.append((self._region, region, method, message))
        return await self._network.call(self._region, region, lambda other, peer: getattr(other.messages, method)(peer, message))

    async def resolve(self, region: str, account: str, key_id: str, serial: str) -> bool:
        async def ask(other: Any, peer: PeerRegion) -> Any:
            return await other.messages.resolve(peer, account, key_id, serial)

        return bool(await self._network.call(self._region, region, ask))

    async def compare(self, region: str, incarnation: int, digests: Sequence[Any]) -> Sequence[Any]:
        async def ask(other: Any, peer: PeerRegion) -> Any:
            return await other.compare.answer(peer, incarnation, digests)

        return list(await self._network.call(self._region, region, ask))

    async def get_set(self, region: str, account: str, key_id: str, incarnation: int, *, is_reconciling: bool) -> Any:
        async def ask(other: Any, peer: PeerRegion) -> Any:
            return await other.answers.get_set(peer, account, key_id, incarnation, is_reconciling=is_reconciling)

        return await self._network.call(self._region, region, ask)

    async def get_materials(self, region: str, account: str, key_id: str, ids: Sequence[str], sequence: int, incarnation: int) -> Any:
        async def ask(other: Any, peer: PeerRegion) -> Any:
            return await other.answers.get_materials(peer, account, key_id, ids, sequence, incarnation)

        return await self._network.call(self._region, region, ask)
