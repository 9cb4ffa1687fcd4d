"""Two Regions of a test's process, and the ways that they may reach each other by."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.grpc_between_regions import over_grpc
from tests.network_in_process import Network
from tests.region_in_process import InProcessRegion
from tests.unit.domain.made_keys import key_of

from meridian.domain.key import Key
from meridian.domain.multi_region import SetRow
from meridian.domain.peer_message import Prepare, PrepareHandover
from meridian.errors import KmsError
from meridian.ports.region_peer import RegionPeer
from meridian.transport.peer_server import PreparedWalks

HOME, AWAY = "us-east-1", "eu-west-1"
UNKNOWN = "mrk-" + "f" * 32
"""The id of a key that is in no Region."""


@dataclass
class Decisions:
    """Decides what other Regions prepare, as it is told to, and keeps what it was asked."""

    refusal: KmsError | None = None
    heard: list[tuple[str, Prepare | PrepareHandover]] = field(default_factory=list)

    def walk(self, name: str) -> Callable[[Prepare | PrepareHandover], Awaitable[Any]]:
        async def decide(message: Prepare | PrepareHandover) -> Key:
            self.heard.append((name, message))
            if self.refusal is not None:
                raise self.refusal
            return key_of(region=AWAY, key_id=UNKNOWN)

        return decide

    @property
    def walks(self) -> PreparedWalks:
        return PreparedWalks(*(self.walk(name) for name in ("prepare", "prepare_handover", "foretell")))


@dataclass
class Ways:
    """Two Regions, what AWAY decides, and how it is cut off."""

    home: InProcessRegion
    away: InProcessRegion
    decisions: Decisions
    cut: Callable[[], Awaitable[None]]

    @property
    def peer(self) -> RegionPeer:
        """From HOME."""
        return self.home.line

    async def settle(self) -> None:
        for _ in range(4):
            for region in (self.home, self.away):
                await region.work()

    async def related(self) -> SetRow:
        """Make a set of two, and answer how AWAY keeps it."""
        await self.home.create()
        await self.home.replicate(self.away)
        await self.settle()
        row = await self.away.row()
        assert row is not None
        return row


@asynccontextmanager
async def plain_calls(network: Network, decisions: Decisions) -> AsyncIterator[Ways]:
    async def cut() -> None:
        network.cut.add(frozenset((HOME, AWAY)))

    yield Ways(network.regions[HOME], network.regions[AWAY], decisions, cut)


@asynccontextmanager
async def grpc_calls(network: Network, decisions: Decisions) -> AsyncIterator[Ways]:
    async with over_grpc(network) as servers:

        async def cut() -> None:
            await servers[AWAY].stop(0)

        yield Ways(network.regions[HOME], network.regions[AWAY], decisions, cut)
