"""Rows that a job cannot deal with: set aside one by one, named and alarmed, so that the healthy ones go on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from meridian.log import structlog
from meridian.ports.clock import Clock
from meridian.ports.crypto.faults import WrappedRowFault
from meridian.ports.security_events import SecurityEvents

ROWS_MAX: Final = 10_000
PAUSE_SECONDS_MIN: Final = 1.0
PAUSE_SECONDS_MAX: Final = 300.0


@dataclass(frozen=True, slots=True)
class Aside:
    """One row: why it waits, since when and until when (monotonic seconds), and how often it failed."""

    reason: str
    since: float
    until: float
    times: int


class UnreadableRowError(Exception):
    """A row of the database holds what no release wrote; the text names the kind of the fault."""


class SetAside:
    """The rows of one job that failed by a fault no code foresaw. Each is tried again after a pause that doubles to five minutes."""

    def __init__(self, job: str, *, clock: Clock, events: SecurityEvents) -> None:
        self.job = job
        self._clock = clock
        self._events = events
        self._rows: OrderedDict[Hashable, Aside] = OrderedDict()
        self._log = structlog.get_logger("meridian.set_aside")

    def __len__(self) -> int:
        return len(self._rows)

    def is_waiting(self, row: Hashable) -> bool:
        """Whether this row's pause is not over."""
        aside = self._rows.get(row)
        return aside is not None and self._clock.monotonic() < aside.until

    def set_aside_once(self, row: Hashable, fault: BaseException) -> None:
        """Set a row aside that was met again, unless it waits already."""
        if not self.is_waiting(row):
            self.set_aside(row, fault)

    def set_aside(self, row: Hashable, fault: BaseException) -> None:
        """Set a row aside: logged by name, and reported unless the engine has reported it already as what it is."""
        now, before = self._clock.monotonic(), self._rows.pop(row, None)
        times = before.times + 1 if before is not None else 1
        pause = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS_MIN * 2.0 ** min(times - 1, 16))
        self._rows[row] = Aside(type(fault).__name__, before.since if before is not None else now, now + pause, times)
        if len(self._rows) > ROWS_MAX:
            self._rows.popitem(last=False)
        if not isinstance(fault, WrappedRowFault):
            self._events.report_fault(fault, during=f"{self.job} {row}")
        self._log.error("row set aside", job=self.job, row=str(row), fault=type(fault).__name__, times=times)

    def release(self, row: Hashable) -> None:
        """The row has gone well, or is there no more."""
        if self._rows.pop(row, None) is not None:
            self._log.info("row goes on", job=self.job, row=str(row))

    def count(self) -> int:
        """How many rows are set aside. One that was not met again for ten minutes has been mended or removed."""
        now = self._clock.monotonic()
        for row in [row for row, aside in self._rows.items() if aside.until + 2 * PAUSE_SECONDS_MAX < now]:
            self.release(row)
        return len(self._rows)


class SetAsideMetrics:
    """The rows that every job has set aside, as Prometheus wants them: a metric is told once, whoever counts."""

    def __init__(self, asides: Sequence[SetAside]) -> None:
        self._asides = tuple(asides)

    def collect(self) -> Iterator[Metric]:
        """A number for each job."""
        family = GaugeMetricFamily("meridian_rows_set_aside", "Rows that a job cannot deal with.", labels=["job"])
        for aside in self._asides:
            family.add_metric([aside.job], aside.count())
        yield family
