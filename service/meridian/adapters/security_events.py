"""Security events as log lines, a metric and audit records; those of one second and kind are told together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from threading import Lock
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric

from meridian.audit.record import Record, region_record
from meridian.domain.fault_places import fault_at
from meridian.errors import KmsError
from meridian.log import structlog
from meridian.ports.clock import Clock
from meridian.ports.entropy import Entropy
from meridian.ports.security_events import SecurityEvent
from meridian.ports.store.region import RegionIdentity

TOLD_SECONDS: Final = 1.0
KINDS_PER_SECOND_MAX: Final = 256
"""Different subjects and details of one event that are told apart within a second; what comes on top is counted under its name alone.
Each event has its own, so that nobody hides one event behind many of another."""
TEXT_CHARACTERS_MAX: Final = 256

Kind = tuple[SecurityEvent, str, tuple[tuple[str, str], ...]]


def log_event(event: SecurityEvent, subject: str, count: int, details: dict[str, str]) -> None:
    """The log line of an event, also for what is noticed before there is an audit stream."""
    structlog.get_logger("meridian.security").warning("security event", security_event=str(event), subject=subject, count=count, **details)


class ReportedSecurityEvents:
    """Implements `ports.security_events.SecurityEvents`. What was reported is told by `tell`, once a second."""

    def __init__(self, *, identity: RegionIdentity, clock: Clock, entropy: Entropy, registry: CollectorRegistry) -> None:
        self._identity = identity
        self._clock = clock
        self._entropy = entropy
        self._log = structlog.get_logger("meridian.security")
        self._counts: dict[SecurityEvent, int] = dict.fromkeys(SecurityEvent, 0)
        self._kinds: dict[SecurityEvent, int] = dict.fromkeys(SecurityEvent, 0)
        self._waiting: dict[Kind, int] = {}
        self._lock = Lock()
        registry.register(self)

    def report(self, event: SecurityEvent, *, subject: str = "", **details: str) -> None:
        told = tuple((name, text[:TEXT_CHARACTERS_MAX]) for name, text in sorted(details.items()))
        kind: Kind = (event, subject[:TEXT_CHARACTERS_MAX], told)
        with self._lock:
            self._counts[event] += 1
            if kind not in self._waiting:
                if self._kinds[event] >= KINDS_PER_SECOND_MAX:
                    kind = (event, "", (("others", "not told apart"),))
                else:
                    self._kinds[event] += 1
            self._waiting[kind] = self._waiting.get(kind, 0) + 1

    def report_fault(self, fault: BaseException, *, during: str) -> None:
        self.report(SecurityEvent.UNFORESEEN_FAULT, subject=during, fault=type(fault).__name__, at=fault_at(fault))

    async def tell(self, append: Callable[[Record], Awaitable[None]]) -> None:
        """Write what waits to the log and, by `append`, to the audit stream. An audit log that takes nothing loses no log line."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            self._kinds = dict.fromkeys(SecurityEvent, 0)
        for (event, subject, told), count in waiting.items():
            details = dict(told)
            log_event(event, subject, count, details)
            record = region_record(
                str(event),
                self._identity.region,
                event_id=self._entropy.uuid(),
                now=self._clock.now(),
                epoch=self._identity.incarnation,
                details={"subject": subject, "count": count, **details},
            )
            try:
                await append(record)
            except KmsError as fault:
                self._log.error("security event without an audit record", security_event=str(event), reason=fault.reason)

    def collect(self) -> Iterator[Metric]:
        """The metric as Prometheus wants it."""
        family = CounterMetricFamily("meridian_security_events", "Security events by name.", labels=["event"])
        for event, count in self._counts.items():
            family.add_metric([str(event)], count)
        yield family


class EventsOfCommand:
    """Implements `ports.security_events.SecurityEvents` for commands that serve nobody: whatever is reported there also ends the command,
    with its reason, and a line of the log is all that is added."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("meridian.security")

    def report(self, event: SecurityEvent, *, subject: str = "", **details: str) -> None:
        self._log.warning("security event", security_event=str(event), subject=subject, **details)

    def report_fault(self, fault: BaseException, *, during: str) -> None:
        self.report(SecurityEvent.UNFORESEEN_FAULT, subject=during, fault=type(fault).__name__, at=fault_at(fault))


class UntoldEvents:
    """Implements `ports.security_events.SecurityEvents` for commands that look and tell of what they find themselves."""

    def report(self, event: SecurityEvent, *, subject: str = "", **details: str) -> None:
        """Nothing is told."""

    def report_fault(self, fault: BaseException, *, during: str) -> None:
        """Nothing is told."""
