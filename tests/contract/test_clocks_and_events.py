"""Clocks and takers of security events: those of the service, and those of tests, which stand for them and are held to the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry
from tests.audit_logs import SteppingClock, Told
from tests.region_in_process import KeptEvents, LeapingClock
from tests.reported_events import ReportedEvents
from tests.stepped_clock import SteppedClock

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.security_events import EventsOfCommand, ReportedSecurityEvents, UntoldEvents
from meridian.ports.clock import Clock
from meridian.ports.security_events import SecurityEvent, SecurityEvents
from meridian.ports.store.region import RegionIdentity

CLOCKS: dict[str, tuple[Clock, Callable[[Any], None]]] = {
    "the machine's": (SystemClock(), lambda _: None),
    "stands until it is moved": (SteppedClock(), lambda clock: setattr(clock, "seconds", clock.seconds + 60)),
    "moves with each look": (SteppedClock(step=0.5), lambda _: None),
    "of audit logs": (SteppingClock(), lambda clock: setattr(clock, "seconds", clock.seconds + 60)),
    "leaps": (LeapingClock(), lambda clock: setattr(clock, "leap", clock.leap + timedelta(minutes=1))),
}


@pytest.mark.parametrize(("clock", "move"), CLOCKS.values(), ids=CLOCKS)
def test_moments_are_in_utc_and_neither_hand_goes_back(clock: Clock, move: Callable[[Any], None]) -> None:
    moments, seconds = [clock.now()], [clock.monotonic()]
    for _ in range(3):
        move(clock)
        moments.append(clock.now())
        seconds.append(clock.monotonic())
    assert {moment.utcoffset() for moment in moments} == {timedelta(0)}
    assert moments == sorted(moments)
    assert seconds == sorted(seconds)


@pytest.mark.parametrize(("clock", "move"), CLOCKS.values(), ids=CLOCKS)
def test_both_hands_go_together(clock: Clock, move: Callable[[Any], None]) -> None:
    moment, second = clock.now(), clock.monotonic()
    move(clock)
    assert (clock.now() - moment).total_seconds() == pytest.approx(clock.monotonic() - second, abs=1.0)


@dataclass(frozen=True)
class Taker:
    """One who takes events, and what was told of them: (name, subject, details)."""

    events: SecurityEvents
    told: Callable[[], list[tuple[str, str, Mapping[str, str]]]]


def of_the_service() -> Taker:
    identity = RegionIdentity("deployment", "aws", "us-east-1", 3, datetime(2026, 1, 2, tzinfo=UTC))
    events = ReportedSecurityEvents(identity=identity, clock=SystemClock(), entropy=OsEntropy(), registry=CollectorRegistry())

    def told() -> list[tuple[str, str, Mapping[str, str]]]:
        records: list[dict[str, Any]] = []

        async def append(record: dict[str, Any]) -> None:
            records.append(record)

        asyncio.run(events.tell(append))
        each = [(record["eventName"], record["serviceEventDetails"]) for record in records]
        return [(name, details["subject"], details) for name, details in each for _ in range(details["count"])]

    return Taker(events, told)


def of_tests() -> Taker:
    events = ReportedEvents()
    return Taker(events, lambda: [(str(event), subject, details) for event, subject, details in events.reported])


def of_regions_in_the_tests_process() -> Taker:
    events = KeptEvents()
    return Taker(events, lambda: [(str(event), subject, details) for event, subject, details in events.reported])


def of_audit_logs() -> Taker:
    events = Told()
    return Taker(events, lambda: [(event, details["subject"], details) for event, details in events.events])


TAKERS = {
    "the service's": of_the_service,
    "of tests": of_tests,
    "of Regions in a test's process": of_regions_in_the_tests_process,
    "of audit logs": of_audit_logs,
}


@pytest.mark.parametrize("make", TAKERS.values(), ids=TAKERS)
def test_an_event_is_told_with_its_subject_and_details_whichever_thread_reports_it(make: Callable[[], Taker]) -> None:
    taker = make()
    with ThreadPoolExecutor(4) as pool:
        for number in range(8):
            pool.submit(taker.events.report, SecurityEvent.POLICY_FAULT, subject=f"s{number % 2}", reason="cannot be read").result()
    told = taker.told()
    assert sorted((name, subject) for name, subject, _ in told) == sorted(("PolicyFault", f"s{number % 2}") for number in range(8))
    assert {details["reason"] for _, _, details in told} == {"cannot be read"}


@pytest.mark.parametrize("make", [each for name, each in TAKERS.items() if each is not of_regions_in_the_tests_process])
def test_a_fault_is_told_by_its_type_and_never_by_its_text(make: Callable[[], Taker]) -> None:
    """Regions in a test's process fail the test instead: nobody foresees one there."""
    taker = make()
    taker.events.report_fault(ValueError("what a caller sent"), during="Encrypt")
    ((name, subject, details),) = taker.told()
    assert (name, subject, details["fault"]) == ("UnforeseenFault", "Encrypt", "ValueError")
    assert "what a caller sent" not in str(details)


@pytest.mark.parametrize("events", [EventsOfCommand(), UntoldEvents()], ids=["of commands", "of commands that look"])
def test_commands_tell_no_text_of_a_fault_either(events: SecurityEvents) -> None:
    with structlog.testing.capture_logs() as lines:
        events.report(SecurityEvent.POLICY_FAULT, subject="s", reason="cannot be read")
        events.report_fault(ValueError("what a caller sent"), during="x")
    assert "what a caller sent" not in str(lines)
    assert [line["security_event"] for line in lines] in ([], ["PolicyFault", "UnforeseenFault"])
