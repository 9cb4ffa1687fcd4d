"""What operators see of calls: counts and durations by operation and outcome, and the cause of internal faults.

No log line is written for a call that succeeds; the audit record is its record. No key id is ever a label.
"""

from __future__ import annotations

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from meridian.domain.call import Call
from meridian.errors import KmsError
from meridian.ports.clock import Clock

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Telemetry:
    """Counts calls into a Prometheus registry."""

    def __init__(self, clock: Clock, registry: CollectorRegistry) -> None:
        self._clock = clock
        self._log = structlog.get_logger("meridian.pipeline")
        self._calls = Counter("meridian_calls_total", "Calls by operation and outcome.", ["operation", "outcome"], registry=registry)
        self._seconds = Histogram(
            "meridian_call_seconds", "Duration of calls by operation.", ["operation"], registry=registry, buckets=BUCKETS
        )
        self._counters: dict[tuple[str, str], Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    def finish(self, call: Call) -> None:
        """Count a finished call."""
        operation = call.rpc.name
        outcome = call.error.code if isinstance(call.error, KmsError) else "ok"
        counter = self._counters.get((operation, outcome))
        if counter is None:
            counter = self._counters[(operation, outcome)] = self._calls.labels(operation, outcome)
        counter.inc()
        histogram = self._histograms.get(operation)
        if histogram is None:
            histogram = self._histograms[operation] = self._seconds.labels(operation)
        histogram.observe(self._clock.monotonic() - call.started)

    def fault(self, call: Call, error: Exception) -> None:
        """Tell the operator about a fault that no code foresaw; the caller sees only an internal error."""
        # The traceback names files and lines; messages of exceptions may quote input and stay out.
        self._log.error(
            "call failed",
            operation=call.rpc.name,
            request_id=call.request_id,
            fault=type(error).__name__,
            at=_places(error),
        )


def _places(error: BaseException) -> list[str]:
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-8:]
