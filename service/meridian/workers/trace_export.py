"""Hands spans to a collector, in the background: they wait in bounded number, and what is too much, or not taken, is counted and gone.

A round never fails for the supervisor: no Region is unready for want of a collector of traces.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from meridian.log import structlog
from meridian.ports.audit_sinks import SinkFaultError
from meridian.ports.clock import Clock
from meridian.ports.traces import Span, SpanReceiver
from meridian.workers.own_thread import OwnThread
from meridian.workers.periodic import PATIENT_SECONDS, Job, Wake

EVERY_SECONDS: Final = 1.0
SPANS_PER_MESSAGE: Final = 512
PAUSE_SECONDS_MAX: Final = 30.0
GRACE_SECONDS: Final = 1.0
"""How much longer than its own time-out a collector has to say why."""
END_SECONDS: Final = 2.0
"""How long a Region that stops hands over what is left."""


class TraceExport:
    """Belongs to the event loop. `take` never waits."""

    def __init__(self, receiver: SpanReceiver, timeout_seconds: float, waiting_max: int, clock: Clock) -> None:
        self._receiver = receiver
        self._timeout_seconds = timeout_seconds
        self._waiting_max = waiting_max
        self._enough = min(SPANS_PER_MESSAGE, waiting_max // 2)
        self._clock = clock
        self._thread = OwnThread("traces")
        self._wake = Wake()
        self._waiting: deque[Span] = deque()
        self._not_before = clock.monotonic()
        self._in_a_row = 0
        self._log = structlog.get_logger("meridian.tracing")
        self.sent = self.refused = self.dropped = 0
        """Spans that the collector has; that it was sent and did not take; for which there was no room."""

    def take(self, span: Span) -> None:
        """Keep a span until it is sent, where there is room."""
        if len(self._waiting) >= self._waiting_max:
            self.dropped += 1
            return
        self._waiting.append(span)
        if len(self._waiting) == self._enough:
            self._wake()

    @property
    def waiting(self) -> int:
        """How many spans wait."""
        return len(self._waiting)

    def job(self) -> Job:
        """A round sends one message."""
        return Job("traces", self.once, EVERY_SECONDS, PATIENT_SECONDS, self._wake)

    async def once(self) -> bool:
        """Send one message, unless the collector has just failed. The answer is whether there is enough for another."""
        if not self._waiting or self._clock.monotonic() < self._not_before:
            return False
        spans = [self._waiting.popleft() for _ in range(min(len(self._waiting), SPANS_PER_MESSAGE))]
        self.refused += len(spans)  # until it is known better, also where this round is cut
        try:
            taken = await self._thread.run(partial(self._receiver.send, spans), self._timeout_seconds + GRACE_SECONDS)
        except TimeoutError:
            return self._pause("it does not answer")
        except SinkFaultError as fault:
            return self._pause(str(fault))
        self.refused -= taken
        self.sent += taken
        if self._in_a_row:
            self._log.info("traces are taken again", failures=self._in_a_row)
        self._in_a_row = 0
        return len(self._waiting) >= SPANS_PER_MESSAGE

    async def finish(self) -> None:
        """Send what is left, for a bounded time, and give up the collector."""
        self._not_before = self._clock.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                while self._waiting and not self._in_a_row:
                    await self.once()
        self._receiver.close()

    def _pause(self, fault: str) -> bool:
        self._in_a_row += 1
        self._not_before = self._clock.monotonic() + min(PAUSE_SECONDS_MAX, EVERY_SECONDS * 2.0 ** min(self._in_a_row, 16))
        if self._in_a_row == 1:
            self._log.warning("traces are not taken", fault=fault)
        return False


class TraceMetrics:
    """What became of spans, for Prometheus."""

    def __init__(self, export: TraceExport | None) -> None:
        self._export = export

    def collect(self) -> Iterator[Metric]:
        """The metrics as Prometheus wants them."""
        spans = CounterMetricFamily("meridian_trace_spans", "Spans of traces by what became of them.", labels=["outcome"])
        waiting = GaugeMetricFamily("meridian_trace_spans_waiting", "Spans that wait to be sent.")
        if self._export is not None:
            for outcome, count in (("sent", self._export.sent), ("refused", self._export.refused), ("dropped", self._export.dropped)):
                spans.add_metric([outcome], count)
        waiting.add_metric([], self._export.waiting if self._export is not None else 0)
        yield from (spans, waiting)
