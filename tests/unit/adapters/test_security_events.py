"""A security event is a log line, a count and an audit record; a flood of one kind is one record with its number."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs
from tests.stepped_clock import SteppedClock

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.security_events import KINDS_PER_SECOND_MAX, ReportedSecurityEvents
from meridian.errors import DependencyTimeoutException
from meridian.ports.security_events import SecurityEvent
from meridian.ports.store.region import RegionIdentity

IDENTITY = RegionIdentity("deployment", "aws", "us-east-1", 3, datetime(2026, 1, 2, tzinfo=UTC))


class Stream:
    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    async def append(self, record: dict[str, Any]) -> None:
        self.records.append(record)


class Full:
    """Takes nothing, as a full disk."""

    async def append(self, record: dict[str, Any]) -> None:
        raise DependencyTimeoutException(reason="audit sink: No space left on device")


def made() -> tuple[ReportedSecurityEvents, CollectorRegistry]:
    registry = CollectorRegistry()
    return ReportedSecurityEvents(identity=IDENTITY, clock=SystemClock(), entropy=OsEntropy(), registry=registry), registry


def test_a_flood_is_one_record_with_its_number() -> None:
    events, registry = made()
    stream = Stream()
    for _ in range(1000):
        events.report(SecurityEvent.AUTHENTICATION_FAILED, subject="192.0.2.1", reason="unknown access key")
    events.report(SecurityEvent.CLOCK_STEP, seconds="-3600")
    asyncio.run(events.tell(stream.append))
    shown = [(r["eventName"], r["serviceEventDetails"]) for r in stream.records]
    assert shown == [
        ("AuthenticationFailed", {"subject": "192.0.2.1", "count": 1000, "reason": "unknown access key"}),
        ("ClockStep", {"subject": "", "count": 1, "seconds": "-3600"}),
    ]
    assert registry.get_sample_value("meridian_security_events_total", {"event": "AuthenticationFailed"}) == 1000.0
    asyncio.run(events.tell(stream.append))
    assert len(stream.records) == 2


def test_what_is_told_apart_is_bounded_and_nothing_goes_uncounted() -> None:
    events, _ = made()
    stream = Stream()
    for n in range(3 * KINDS_PER_SECOND_MAX):
        events.report(SecurityEvent.AUTHENTICATION_FAILED, subject=f"192.0.2.{n}", reason="x" * 10_000)
    asyncio.run(events.tell(stream.append))
    assert len(stream.records) == KINDS_PER_SECOND_MAX + 1
    assert sum(r["serviceEventDetails"]["count"] for r in stream.records) == 3 * KINDS_PER_SECOND_MAX
    assert max(len(r["serviceEventDetails"].get("reason", "")) for r in stream.records) == 256


def test_a_fault_is_told_by_type_and_place_and_never_by_its_text() -> None:
    events, _ = made()
    stream = Stream()
    try:
        raise ValueError("hunter2")
    except ValueError as fault:
        events.report_fault(fault, during="Encrypt")
    asyncio.run(events.tell(stream.append))
    (record,) = stream.records
    assert record["serviceEventDetails"]["fault"] == "ValueError"
    assert "test_a_fault_is_told_by_type_and_place" in record["serviceEventDetails"]["at"]
    assert "hunter2" not in str(record)


def test_a_full_audit_log_keeps_nothing_from_being_told() -> None:
    events, _ = made()
    tried = []

    async def refuse(record: dict[str, Any]) -> None:
        tried.append(record["eventName"])
        raise DependencyTimeoutException("full", reason="full")

    events.report(SecurityEvent.CLOCK_STEP, seconds="1")
    events.report(SecurityEvent.POLICY_FAULT, subject="p")
    asyncio.run(events.tell(refuse))
    assert tried == ["ClockStep", "PolicyFault"]


def test_events_of_many_threads_are_all_counted() -> None:
    events, registry = made()
    stream, threads, each = Stream(), 4, 20_000
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(threads) as reporting:
            done = [reporting.submit(lambda: [events.report(SecurityEvent.CLOCK_STEP) for _ in range(each)]) for _ in range(threads)]
            while not all(thread.done() for thread in done):
                asyncio.run(events.tell(stream.append))
    finally:
        sys.setswitchinterval(usual)
    asyncio.run(events.tell(stream.append))
    assert sum(record["serviceEventDetails"]["count"] for record in stream.records) == threads * each
    assert registry.get_sample_value("meridian_security_events_total", {"event": "ClockStep"}) == threads * each


def test_an_audit_log_that_takes_nothing_is_told_once_a_minute_with_the_number_of_events() -> None:
    clock = SteppedClock()
    events = ReportedSecurityEvents(identity=IDENTITY, clock=clock, entropy=OsEntropy(), registry=CollectorRegistry())
    with capture_logs() as lines:
        for _ in range(130):
            events.report(SecurityEvent.AUTHENTICATION_FAILED, subject="192.0.2.1")
            asyncio.run(events.tell(Full().append))
            clock.seconds += 1
    told = [each["count"] for each in lines if each["event"] == "security events without audit records"]
    assert told == [1, 60, 60]
    assert sum(each["event"] == "security event" for each in lines) == 130, "what was reported is told all the same"
