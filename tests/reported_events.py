"""Security events for tests that look at what was reported."""

from __future__ import annotations

from meridian.ports.security_events import SecurityEvent


class ReportedEvents:
    """Implements `ports.security_events.SecurityEvents`; keeps what was reported."""

    def __init__(self) -> None:
        self.reported: list[tuple[SecurityEvent, str, dict[str, str]]] = []

    def report(self, event: SecurityEvent, *, subject: str = "", **details: str) -> None:
        self.reported.append((event, subject, details))

    def report_fault(self, fault: BaseException, *, during: str) -> None:
        self.report(SecurityEvent.UNFORESEEN_FAULT, subject=during, fault=type(fault).__name__)
