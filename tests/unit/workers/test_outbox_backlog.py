"""What waits for other Regions is told with its age, and what was seen stays while the database is away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from meridian.errors import KMSInternalException
from meridian.ports.store.outbox import Backlog
from meridian.workers.outbox_backlog import OutboxBacklog

NOW = datetime(2026, 11, 26, tzinfo=UTC)


class FakeStore:
    """Has what waits, or is away."""

    def __init__(self) -> None:
        self.waits: Sequence[Backlog] = ()
        self.is_away = False

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Any]:
        if self.is_away:
            raise KMSInternalException(reason="away")
        yield SimpleNamespace(outbox=self)

    async def backlogs(self) -> Sequence[Backlog]:
        return self.waits


def told(backlog: OutboxBacklog) -> dict[tuple[str, str], float]:
    return {(family.name, sample.labels["target"]): sample.value for family in backlog.collect() for sample in family.samples}


@pytest.mark.asyncio
async def test_every_region_is_told_with_what_waits_for_it() -> None:
    store, clock = FakeStore(), SimpleNamespace(now=lambda: NOW + timedelta(seconds=90))
    backlog = OutboxBacklog(store, clock, ["eu-west-1", "us-east-1"])  # type: ignore[arg-type]  # of the store its outbox, of the clock one hand
    entries, oldest = "meridian_outbox_entries", "meridian_outbox_oldest_seconds"
    nothing = {(name, region): 0.0 for name in (entries, oldest) for region in ("eu-west-1", "us-east-1")}
    assert told(backlog) == nothing
    store.waits = [Backlog("eu-west-1", 3, NOW), Backlog("gone-1", 1, NOW)]
    await backlog.look()
    waiting = {**nothing, (entries, "eu-west-1"): 3.0, (oldest, "eu-west-1"): 90.0}
    assert told(backlog) == waiting
    store.is_away = True
    with pytest.raises(KMSInternalException):
        await backlog.job().once()
    assert told(backlog) == waiting
    store.is_away, store.waits = False, ()
    await backlog.look()
    assert told(backlog) == nothing
