"""What operators see of calls: counts and durations by operation and outcome.

No log line is written for a call that succeeds; the audit record is its record. No key id is ever a label.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from meridian.call import Call
from meridian.errors import KmsError
from meridian.ports.clock import Clock

BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Telemetry:
    """Counts calls on the event loop, and tells them when Prometheus asks."""

    def __init__(self, clock: Clock, registry: CollectorRegistry) -> None:
        self._clock = clock
        self._outcomes: dict[tuple[str, str], int] = {}
        self._durations: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}
        registry.register(self)

    def finish(self, call: Call) -> None:
        """Count a finished call."""
        self.count(call.rpc.name, call.error, self._clock.monotonic() - call.started)

    def count(self, operation: str, error: Exception | None, seconds: float) -> None:
        """Count a call that ended with this error, or with none."""
        outcome = (operation, "ok" if error is None else error.code if isinstance(error, KmsError) else type(error).__name__)
        self._outcomes[outcome] = self._outcomes.get(outcome, 0) + 1
        counts = self._durations.get(operation)
        if counts is None:
            counts = self._durations[operation] = [0] * (len(BUCKETS) + 1)
        counts[bisect_left(BUCKETS, seconds)] += 1
        self._seconds[operation] = self._seconds.get(operation, 0.0) + seconds

    def collect(self) -> Iterator[Metric]:
        """The metrics as Prometheus wants them."""
        calls = CounterMetricFamily("meridian_calls", "Calls by operation and outcome.", labels=["operation", "outcome"])
        for (operation, outcome), count in list(self._outcomes.items()):
            calls.add_metric([operation, outcome], count)
        yield calls
        durations = HistogramMetricFamily("meridian_call_seconds", "Duration of calls by operation.", labels=["operation"])
        for operation, counts in list(self._durations.items()):
            total, rows = 0, []
            for bound, count in zip((*BUCKETS, "+Inf"), counts, strict=True):
                total += count
                rows.append((str(bound), float(total)))
            durations.add_metric([operation], rows, self._seconds[operation])
        yield durations
