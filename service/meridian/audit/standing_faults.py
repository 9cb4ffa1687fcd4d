"""Faults of the audit log that stand for long, as when its disk is full: told at first, when they become others, and each minute.

Each look and each record would tell them anew, and so would the record of the last telling, where the process's log may share the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from meridian.ports.security_events import SecurityEvent, SecurityEvents

AGAIN_SECONDS: Final = 60.0
FAULTS_MAX: Final = 4
"""Different ones of a subject that are told in that time: a look and a record may each meet its own, in turns."""


class StandingFaults:
    """By what failed: `log`, `digest`, `compression`, `retention`, `head`. Used on one event loop."""

    def __init__(self, events: SecurityEvents, monotonic: Callable[[], float]) -> None:
        self._events = events
        self._monotonic = monotonic
        self._told: dict[str, dict[str, float]] = {}

    def tell(self, subject: str, fault: str) -> None:
        """Report it, unless it was lately."""
        now = self._monotonic()
        lately = {each: at for each, at in self._told.get(subject, {}).items() if now - at < AGAIN_SECONDS}
        if fault not in lately and len(lately) < FAULTS_MAX:
            self._told[subject] = lately | {fault: now}
            self._events.report(SecurityEvent.AUDIT_LOG_FAULT, subject=subject, fault=fault)

    def ended(self, subject: str) -> None:
        """What failed works: the next fault is the first."""
        self._told.pop(subject, None)
