"""Spans wait in bounded number; what a collector does not take is counted and gone, and nobody waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Event

import pytest
from prometheus_client import CollectorRegistry

from meridian.adapters.clock_system import SystemClock
from meridian.domain.trace_context import TraceContext
from meridian.ports.audit_sinks import SinkFaultError
from meridian.ports.traces import Span, SpanKind
from meridian.workers import trace_export
from meridian.workers.trace_export import SPANS_PER_MESSAGE, TraceExport, TraceMetrics

pytestmark = pytest.mark.asyncio
SPAN = Span("Encrypt", SpanKind.SERVER, TraceContext(b"t" * 16, b"s" * 8, True), b"", datetime.now(UTC), 0.1, "ok", False, ())


class Receiver:
    """Takes what it is sent, unless a test says otherwise."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.rejects = 0
        self.fault: Exception | None = None
        self.open = Event()
        self.open.set()
        self.is_closed = False

    def send(self, spans: Sequence[Span]) -> int:
        self.open.wait(20)
        if self.fault is not None:
            raise self.fault
        self.taken.append(len(spans))
        return len(spans) - self.rejects

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_export, "GRACE_SECONDS", 0.05)
    monkeypatch.setattr(trace_export, "END_SECONDS", 0.3)


def made(receiver: Receiver, waiting_max: int = 10_000, spans: int = 0) -> TraceExport:
    export = TraceExport(receiver, 0.05, waiting_max, SystemClock())
    for _ in range(spans):
        export.take(SPAN)
    return export


def counts(export: TraceExport | None) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(TraceMetrics(export))
    found = {sample.labels.get("outcome", "waiting"): sample.value for metric in registry.collect() for sample in metric.samples}
    return {name: value for name, value in found.items() if value}


async def test_spans_go_in_messages_of_bounded_size() -> None:
    receiver = Receiver()
    export = made(receiver, spans=2 * SPANS_PER_MESSAGE + 1)
    assert await export.once()
    assert not await export.once(), "what is left is no whole message"
    assert receiver.taken == [SPANS_PER_MESSAGE] * 2
    assert counts(export) == {"sent": 2 * SPANS_PER_MESSAGE, "waiting": 1}
    await export.finish()
    assert (receiver.taken[-1], receiver.is_closed) == (1, True)


async def test_a_full_message_is_not_waited_for() -> None:
    export = made(Receiver(), spans=SPANS_PER_MESSAGE - 1)
    assert not export.job().wake.is_set()
    export.take(SPAN)
    assert export.job().wake.is_set()


async def test_where_little_may_wait_half_of_it_is_enough() -> None:
    export = made(Receiver(), waiting_max=64, spans=31)
    assert not export.job().wake.is_set()
    export.take(SPAN)
    assert export.job().wake.is_set()


async def test_what_there_is_no_room_for_is_dropped_and_counted() -> None:
    export = made(Receiver(), waiting_max=100, spans=250)
    assert counts(export) == {"waiting": 100, "dropped": 150}
    await export.once()
    export.take(SPAN)
    assert counts(export) == {"sent": 100, "waiting": 1, "dropped": 150}


async def test_what_is_rejected_is_counted() -> None:
    receiver = Receiver()
    receiver.rejects = 3
    export = made(receiver, spans=10)
    await export.once()
    assert counts(export) == {"sent": 7, "refused": 3}


async def test_a_collector_that_fails_is_left_alone_for_a_while() -> None:
    receiver = Receiver()
    receiver.fault = SinkFaultError("UNAVAILABLE: away")
    export = made(receiver, spans=10)
    assert not await export.once()
    receiver.fault = None
    export.take(SPAN)
    assert not await export.once()
    assert receiver.taken == []
    assert counts(export) == {"refused": 10, "waiting": 1}
    await export.finish()
    assert receiver.is_closed


async def test_a_collector_that_hangs_costs_spans_and_nobodys_time() -> None:
    receiver = Receiver()
    receiver.open.clear()
    export = made(receiver, spans=SPANS_PER_MESSAGE + 5)
    assert not await export.once()
    assert counts(export) == {"refused": SPANS_PER_MESSAGE, "waiting": 5}
    await export.finish()
    assert receiver.is_closed
    receiver.open.set()


async def test_without_tracing_nothing_is_counted() -> None:
    assert counts(None) == {}
