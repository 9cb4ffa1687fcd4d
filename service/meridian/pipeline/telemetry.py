"""What operators see of calls: counts by operation and outcome, and durations by operation, wire and result.

No log line is written for a call that succeeds; the audit record is its record. No key id is ever a label.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from meridian.call import Call, Wire
from meridian.errors import SERVER_FAULTS, KmsError
from meridian.ports.clock import Clock

BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BOUNDS: Final = (*map(str, BUCKETS), "+Inf")
OK: Final = "ok"
REFUSED: Final = "refused"
"""The caller asked for what he may not have, or left."""
FAILED: Final = "failed"
"""The service could not do what it should."""


class Telemetry:
    """Counts calls on the event loop, and tells them when Prometheus asks."""

    def __init__(self, clock: Clock, registry: CollectorRegistry) -> None:
        self._clock = clock
        self._outcomes: dict[tuple[str, str], int] = {}
        self._durations: dict[tuple[str, Wire, str], list[int]] = {}
        self._seconds: dict[tuple[str, Wire, str], float] = {}
        registry.register(self)

    def finish(self, call: Call) -> None:
        """Count a finished call."""
        self.count(call.rpc.name, call.evidence.wire, call.error, self._clock.monotonic() - call.started)

    def count(self, operation: str, wire: Wire, error: Exception | None, seconds: float) -> None:
        """Count a call that ended with this error, or with none."""
        result = OK if error is None else result_of(error)
        outcome = (operation, OK if error is None else error.code if isinstance(error, KmsError) else type(error).__name__)
        self._outcomes[outcome] = self._outcomes.get(outcome, 0) + 1
        # Of three results, not of every error's name: who is refused in forty ways makes no more of these than who is refused in one.
        kind = (operation, wire, result)
        counts = self._durations.get(kind)
        if counts is None:
            counts = self._durations[kind] = [0] * len(BOUNDS)
        counts[bisect_left(BUCKETS, seconds)] += 1
        self._seconds[kind] = self._seconds.get(kind, 0.0) + seconds

    def collect(self) -> Iterator[Metric]:
        """The metrics as Prometheus wants them."""
        calls = CounterMetricFamily("meridian_calls", "Calls by operation and outcome.", labels=["operation", "outcome"])
        for (operation, outcome), count in list(self._outcomes.items()):
            calls.add_metric([operation, outcome], count)
        yield calls
        durations = HistogramMetricFamily(
            "meridian_call_seconds", "Duration of calls by operation, wire and result.", labels=["operation", "wire", "result"]
        )
        for kind, counts in list(self._durations.items()):
            durations.add_metric(kind, list(zip(BOUNDS, map(float, accumulate(counts)), strict=True)), self._seconds[kind])
        yield durations


def result_of(error: Exception | None) -> str:
    """What an error is to whoever runs the service: OK, REFUSED or FAILED."""
    if error is None:
        return OK
    return REFUSED if isinstance(error, KmsError) and not isinstance(error, SERVER_FAULTS) else FAILED
