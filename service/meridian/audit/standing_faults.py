"""Faults of the audit log that stand for long, as when its disk is full: told at first, when they become others, and each minute.

Each look and each record would tell them anew, and so would the record of the last telling, where the process's log may share the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from meridian.ports.security_events import SecurityEvent, SecurityEvents

AGAIN_SECONDS: Final = 60.0


class StandingFaults:
    """By what failed: `log`, `digest`, `compression`, `retention`, `head`. Used on one event loop."""

    def __init__(self, events: SecurityEvents, monotonic: Callable[[], float]) -> None:
        self._events = events
        self._monotonic = monotonic
        self._told: dict[str, tuple[str, float]] = {}

    def tell(self, subject: str, fault: str) -> None:
        """Report it, unless it was lately."""
        now = self._monotonic()
        told, at = self._told.get(subject, ("", 0.0))
        if told != fault or now - at >= AGAIN_SECONDS:
            self._told[subject] = (fault, now)
            self._events.report(SecurityEvent.AUDIT_LOG_FAULT, subject=subject, fault=fault)

    def ended(self, subject: str) -> None:
        """What failed works: the next fault is the first."""
        self._told.pop(subject, None)
