"""Traces of a Region, as the settings say; none where they say nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.traces import RecordedTraces, Untraced
from meridian.bootstrap.otlp import collector_of, resource_names
from meridian.bootstrap.startup import naming
from meridian.ports.traces import Traces
from meridian.settings import Settings
from meridian.workers.periodic import Job
from meridian.workers.trace_export import TraceExport, TraceMetrics


@dataclass(frozen=True, slots=True)
class Tracing:
    """What makes spans, and what sends them."""

    traces: Traces
    export: TraceExport | None
    shown: tuple[str, ...]
    """What spans of calls tell besides that names somebody."""

    def jobs(self) -> Sequence[Job]:
        """The one that the supervisor runs, where there is something to send."""
        return [self.export.job()] if self.export is not None else []

    def metrics(self) -> TraceMetrics:
        """What became of spans."""
        return TraceMetrics(self.export)

    async def close(self) -> None:
        """Send what is left, for a bounded time."""
        if self.export is not None:
            await self.export.finish()


def open_tracing(settings: Settings, clock: SystemClock, entropy: OsEntropy) -> Tracing:
    """Nothing is sent yet. Raises: StartupError, also where the extra is not installed."""
    tracing = settings.tracing
    if tracing is None:
        return Tracing(Untraced(), None, ())
    with naming("tracing"):
        collector = collector_of(tracing)
        from meridian.adapters.trace_otlp import OtlpSpans

        receiver = OtlpSpans(collector, resource_names(settings, settings.replica))
        export = TraceExport(receiver, tracing.timeout_seconds, tracing.waiting_max, clock)
    return Tracing(RecordedTraces(export.take, clock, entropy, tracing.sample_ratio), export, tracing.attributes)
