"""An end of the log that cannot be registered is told at first and each minute, not with every look."""

from __future__ import annotations

from typing import Any

import pytest
from tests.reported_events import ReportedEvents
from tests.stepped_clock import SteppedClock

from meridian.audit.standing_faults import AGAIN_SECONDS, StandingFaults
from meridian.errors import DependencyTimeoutException
from meridian.workers.audit_heads import HEAD_SECONDS, AuditHeads


class Away:
    """Registers nothing, as while the database is away."""

    async def register(self, *, is_closed: bool) -> None:
        raise DependencyTimeoutException(reason="the database cannot be reached")


@pytest.mark.asyncio
async def test_a_database_that_is_away_is_told_once_a_minute() -> None:
    events, clock = ReportedEvents(), SteppedClock()
    nothing: Any = None
    shipping: Any = Away()
    heads = AuditHeads(
        store=nothing, stream=nothing, shipping=shipping, keyring=nothing, faults=StandingFaults(events, clock.monotonic)
    )  # fmt: skip
    looks = int(2 * AGAIN_SECONDS / HEAD_SECONDS)
    for _ in range(looks):
        with pytest.raises(DependencyTimeoutException):
            await heads.job().once()
        clock.seconds += HEAD_SECONDS
    assert [(subject, told["fault"]) for _, subject, told in events.reported] == [("head", "the database cannot be reached")] * 2
