"""A sink that hangs or fails delays nobody, and is told."""

from __future__ import annotations

import asyncio
from threading import Event

import pytest
from tests.audit_logs import Told
from tests.stepped_clock import SteppedClock

from meridian.adapters.clock_system import SystemClock
from meridian.ports.audit_sinks import SinkFaultError
from meridian.workers import audit_sinks
from meridian.workers.audit_sinks import SinkMetrics, SinkWorker

pytestmark = pytest.mark.asyncio


class Sink:
    """Ships what it is given, unless a test holds it up."""

    def __init__(self, pieces: int) -> None:
        self.name = "sink"
        self.pieces = pieces
        self.open = Event()
        self.open.set()
        self.fault: Exception | None = None
        self.is_closed = False

    def ship(self) -> bool:
        self.open.wait(20)
        if self.fault is not None:
            raise self.fault
        self.pieces = max(0, self.pieces - 1)
        return self.pieces > 0

    def segments_behind(self) -> int:
        return self.pieces

    def holds(self, segment: str) -> bool:
        return self.pieces > 0

    def close(self) -> None:
        self.is_closed = True


def made(sink: Sink, told: Told) -> SinkWorker:
    return SinkWorker(sink, 0.05, SystemClock(), told)


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_sinks, "GRACE_SECONDS", 0.05)
    monkeypatch.setattr(audit_sinks, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(audit_sinks, "END_SECONDS", 0.3)


async def test_a_sink_that_hangs_ends_a_round_in_time_and_others_go_on(told: Told) -> None:
    hanging, working = Sink(5), Sink(5)
    hanging.open.clear()
    workers = [made(each, told) for each in (hanging, working)]
    began = SystemClock().monotonic()
    answers = await asyncio.gather(*(each.once() for each in workers))
    assert answers == [False, True]
    while await workers[1].once():
        pass
    assert SystemClock().monotonic() - began < 10
    assert workers[1].segments_behind() == 0
    before = workers[0].seconds_behind()
    await asyncio.sleep(0.2)
    await workers[0].once()
    assert workers[0].seconds_behind() >= before + 0.2
    assert workers[0].failures == 2
    assert told.events == [("AuditLogFault", {"subject": "sink", "fault": "it does not answer"})], "once, until it goes on"
    hanging.open.set()
    while workers[0].segments_behind():
        await workers[0].once()
        await asyncio.sleep(0.01)
    await workers[0].finish()


@pytest.mark.parametrize("hangs", [False, True])
async def test_the_end_ships_what_is_left_for_a_bounded_time(told: Told, hangs: bool) -> None:
    sink = Sink(5)
    worker = made(sink, told)
    if hangs:
        sink.open.clear()
        await worker.once()
    began = SystemClock().monotonic()
    await worker.finish()
    assert SystemClock().monotonic() - began < 15
    assert sink.is_closed
    assert sink.pieces == (5 if hangs else 0)
    sink.open.set()


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (SinkFaultError("refused"), "refused"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (KeyError("x"), "KeyError"),
    ],
)
async def test_a_round_never_fails_for_the_supervisor_and_tries_come_less_often(told: Told, fault: Exception, text: str) -> None:
    sink = Sink(2)
    worker, sink.fault = made(sink, told), fault
    assert await worker.once() is False
    assert await worker.once() is False
    assert worker.failures == 1, "the second round came too soon"
    assert [each for each in told.events if each[0] == "AuditLogFault"] == [("AuditLogFault", {"subject": "sink", "fault": text})]
    assert len(told.events) == (2 if isinstance(fault, KeyError) else 1)
    sink.fault = None
    while worker.segments_behind():
        await asyncio.sleep(0.01)
        await worker.once()
    assert worker.failures == 1
    sink.fault = fault
    await worker.once()
    assert len([each for each in told.events if each[0] == "AuditLogFault"]) == 2, "told again after it went on"


async def test_a_sink_that_has_everything_is_not_behind(told: Told) -> None:
    sink, clock = Sink(3), SteppedClock()
    worker = SinkWorker(sink, 5.0, clock, told)
    clock.seconds += 2.0
    await worker.once()
    assert worker.seconds_behind() == 2.0, "a piece is not all"
    while await worker.once():
        pass
    assert worker.seconds_behind() == 0.0
    shown = {sample.name: sample.value for family in SinkMetrics([worker]).collect() for sample in family.samples}
    assert shown["meridian_audit_sink_segments_behind"] == 0
    assert shown["meridian_audit_sink_failures_total"] == 0
    assert shown["meridian_audit_sink_behind_seconds"] == 0.0


@pytest.fixture
def told() -> Told:
    return Told()
