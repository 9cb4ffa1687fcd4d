"""Ships the audit log to a sink, round by round, in a thread of its own: a sink that fails or hangs holds up nobody, and is told.

A round never fails for the supervisor: what a sink does not take makes no Region unready. `meridian_audit_sink_behind_seconds` says it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from meridian.audit.segments import DamagedSegmentError
from meridian.ports.audit_sinks import AuditSink, SinkFaultError, SinkStanding
from meridian.ports.clock import Clock
from meridian.ports.security_events import SecurityEvent, SecurityEvents
from meridian.workers.own_thread import OwnThread
from meridian.workers.periodic import PATIENT_SECONDS, Job

LOOK_SECONDS: Final = 0.5
PAUSE_SECONDS_MAX: Final = 30.0
GRACE_SECONDS: Final = 1.0
"""How much longer than its own time-out a sink has to say why."""
END_SECONDS: Final = 2.0
"""How long a Region that stops ships what is left; the next start ships the rest."""


class SinkWorker:
    """Implements `ports.audit_sinks.SinkStanding` for one sink."""

    def __init__(self, sink: AuditSink, timeout_seconds: float, clock: Clock, events: SecurityEvents) -> None:
        self._sink = sink
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._events = events
        self._thread = OwnThread(f"audit to {sink.name}")
        self._level_at = clock.monotonic()
        self._not_before = clock.monotonic()
        self._in_a_row = 0
        self.failures = 0

    @property
    def name(self) -> str:
        return self._sink.name

    def job(self) -> Job:
        """A round ships one piece."""
        return Job(f"audit sink {self.name}", self.once, LOOK_SECONDS, PATIENT_SECONDS)

    def holds(self, segment: str) -> bool:
        return self._sink.holds(segment)

    def segments_behind(self) -> int:
        return self._sink.segments_behind()

    def seconds_behind(self) -> float:
        return self._clock.monotonic() - self._level_at

    async def once(self) -> bool:
        """Ship one piece, unless the sink has just failed. The answer is whether there is more."""
        began = self._clock.monotonic()
        if began < self._not_before:
            return False
        try:
            more = await self._thread.run(self._sink.ship, self._timeout_seconds + GRACE_SECONDS)
        except TimeoutError:
            self._note_failure("it does not answer")
            return False
        except (SinkFaultError, DamagedSegmentError) as fault:
            self._note_failure(str(fault))
            return False
        except OSError as fault:
            self._note_failure(fault.strerror or type(fault).__name__)
            return False
        except Exception as fault:
            if not self._in_a_row:
                self._events.report_fault(fault, during=f"audit sink {self.name}")
            self._note_failure(type(fault).__name__)
            return False
        self._in_a_row = 0
        if not more:
            self._level_at = began
        return more

    async def finish(self) -> None:
        """Ship what is left, for a bounded time, and give up the sink. The log must be closed before."""
        self._not_before = self._clock.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                while await self.once():
                    pass
        self._sink.close()

    def _note_failure(self, fault: str) -> None:
        self.failures += 1
        self._in_a_row += 1
        self._not_before = self._clock.monotonic() + min(PAUSE_SECONDS_MAX, LOOK_SECONDS * 2.0 ** min(self._in_a_row, 16))
        if self._in_a_row == 1:
            self._events.report(SecurityEvent.AUDIT_LOG_FAULT, subject=self.name, fault=fault)


class SinkMetrics:
    """How far each sink has come, for Prometheus."""

    def __init__(self, sinks: Sequence[SinkStanding]) -> None:
        self._sinks = sinks

    def collect(self) -> Iterator[Metric]:
        """The metrics as Prometheus wants them."""
        seconds = GaugeMetricFamily("meridian_audit_sink_behind_seconds", "Seconds since a sink had everything.", labels=["sink"])
        segments = GaugeMetricFamily("meridian_audit_sink_segments_behind", "Segments that a sink does not have.", labels=["sink"])
        failures = CounterMetricFamily("meridian_audit_sink_failures", "Tries of a sink that failed.", labels=["sink"])
        for sink in self._sinks:
            seconds.add_metric([sink.name], sink.seconds_behind())
            segments.add_metric([sink.name], sink.segments_behind())
            failures.add_metric([sink.name], sink.failures)
        yield from (seconds, segments, failures)
