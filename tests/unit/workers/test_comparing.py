"""Nothing that one Region says becomes a fault of the job that compares: it is told, and the others are compared."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from tests.reported_events import ReportedEvents

from meridian.errors import DependencyTimeoutException
from meridian.ports.security_events import SecurityEvent
from meridian.replication.compare import Round
from meridian.workers.compare_regions import CompareWorker


class Comparison:
    """Stands for `Compare`: one Region fails, the other has something to send."""

    def __init__(self, fault: Exception) -> None:
        self.fault = fault
        self.good: list[str] = []

    async def with_region(self, region: str) -> Round:
        if region == "evil":
            raise self.fault
        self.good.append(region)
        return Round(found=True, is_cut_short=False)


def compared(fault: Exception) -> tuple[list[str], int, ReportedEvents]:
    """Which Regions were compared in two rounds, how often the outbox was woken, and what was reported."""
    comparison: Any = Comparison(fault)
    no_store: Any = None
    woken: list[None] = []
    events = ReportedEvents()

    async def rounds() -> None:
        worker = CompareWorker(
            compare=comparison, regions=["evil", "good"], store=no_store, seconds=1, wake_outbox=lambda: woken.append(None), events=events
        )
        for _ in range(2):
            for job in worker.jobs():
                await job.once()

    asyncio.run(rounds())
    return comparison.good, len(woken), events


@pytest.mark.parametrize("fault", [AttributeError("None"), DecodeError("x"), OverflowError("2^63"), ValueError("x")])
def test_a_fault_about_one_region_is_reported_each_time_and_the_others_are_compared(fault: Exception) -> None:
    good, woken, events = compared(fault)
    assert (good, woken) == (["good", "good"], 2)
    told = (SecurityEvent.UNFORESEEN_FAULT, "comparing with evil", {"fault": type(fault).__name__})
    assert events.reported == [told, told]


def test_a_region_out_of_reach_is_no_security_event() -> None:
    good, woken, events = compared(DependencyTimeoutException("Region evil did not answer."))
    assert (good, woken, events.reported) == (["good", "good"], 2, [])
