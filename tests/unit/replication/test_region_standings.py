"""How Regions stand is told from what the store counts and what this process has heard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meridian.domain.peers import PeerContact
from meridian.ports.store.key_sets import RelatedKeys
from meridian.ports.store.outbox import Backlog
from meridian.replication.region_standings import TROUBLES_MAX, OwnStanding, RegionStandings

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
ACCOUNT = "111122223333"


class Place:
    """Stands for the store and the clock."""

    def __init__(self) -> None:
        self.keys = self.key_sets = self.outbox = self

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Any]:
        yield self

    async def count(self, account: str) -> int:
        return {ACCOUNT: 7}[account]

    async def count_related(self, account: str, *, limit: int) -> list[RelatedKeys]:
        assert account == ACCOUNT
        return [RelatedKeys("us-east-1", ("eu-west-1", "ap-south-1"), 3), RelatedKeys("eu-west-1", ("us-east-1",), 2)][:limit]

    async def backlogs_of(self, account: str) -> list[Backlog]:
        assert account == ACCOUNT
        return [Backlog("eu-west-1", 4, NOW - timedelta(seconds=90))]

    def now(self) -> datetime:
        return NOW


def standings(troubles: list[str], **contacts: PeerContact) -> RegionStandings:
    place: Any = Place()
    asked = {name.replace("_", "-"): (lambda contact=contact: contact) for name, contact in contacts.items()}
    own = OwnStanding("us-east-1", "0.2", lambda: troubles)
    return RegionStandings(place, place, own, labels={"eu-west-1": ("EU",)}, contacts=asked)


@pytest.mark.asyncio
async def test_each_region_is_told_with_its_keys_its_lag_and_its_health() -> None:
    heard = PeerContact(NOW - timedelta(seconds=5), "Region eu-west-1 did not answer.", "0.1")
    found = await standings([], eu_west_1=heard, ap_south_1=PeerContact()).of(ACCOUNT)
    assert found.keys == 7
    here, south, west = found.regions
    assert [each.region for each in found.regions] == ["us-east-1", "ap-south-1", "eu-west-1"]
    assert (here.is_here, here.primaries, here.replicas, here.release, here.troubles, here.heard_at) == (True, 3, 2, "0.2", (), NOW)
    assert (south.primaries, south.replicas, south.release, south.heard_at, south.waiting) == (0, 3, "", None, 0)
    assert (west.primaries, west.replicas, west.labels, west.release) == (2, 3, ("EU",), "0.1")
    assert (west.waiting, west.waiting_since) == (4, NOW - timedelta(seconds=90))
    assert west.troubles == ("Region eu-west-1 did not answer.",)


@pytest.mark.asyncio
async def test_what_is_told_of_troubles_is_bounded() -> None:
    found = await standings([f"trouble {at}" for at in range(50)]).of(ACCOUNT)
    assert len(found.regions[0].troubles) == TROUBLES_MAX


@pytest.mark.asyncio
async def test_what_is_wrong_here_is_told_without_addresses_and_files() -> None:
    found = await standings(["database: postgresql://kms@10.0.0.7/kms does not answer", "not started, or stopping"]).of(ACCOUNT)
    assert found.regions[0].troubles == ("database", "not started, or stopping")
