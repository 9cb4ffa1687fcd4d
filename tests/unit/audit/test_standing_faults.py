"""A fault of the audit log that stands is told at first, when it becomes another, and each minute; not with each look."""

from __future__ import annotations

from tests.reported_events import ReportedEvents
from tests.stepped_clock import SteppedClock

from meridian.audit.standing_faults import AGAIN_SECONDS, FAULTS_MAX, StandingFaults
from meridian.ports.security_events import SecurityEvent


def test_what_stands_is_told_once_a_minute_and_what_changes_at_once() -> None:
    events, clock = ReportedEvents(), SteppedClock()
    faults = StandingFaults(events, clock.monotonic)
    for _ in range(100):
        faults.tell("log", "full")
    assert told(events) == [("log", "full")]
    faults.tell("digest", "full")
    faults.tell("log", "gone")
    assert told(events) == [("log", "full"), ("digest", "full"), ("log", "gone")]
    clock.seconds += AGAIN_SECONDS
    faults.tell("log", "gone")
    faults.ended("log")
    faults.tell("log", "gone")
    assert told(events)[3:] == [("log", "gone")] * 2


def test_faults_that_take_turns_are_each_told_once_a_minute_and_others_than_these_few_wait() -> None:
    events, clock = ReportedEvents(), SteppedClock()
    faults = StandingFaults(events, clock.monotonic)
    for _ in range(100):
        faults.tell("log", "no folder")
        faults.tell("log", "no file")
    assert told(events) == [("log", "no folder"), ("log", "no file")]
    for n in range(100):
        faults.tell("log", f"fault {n}")
    assert len(told(events)) == FAULTS_MAX
    clock.seconds += AGAIN_SECONDS
    faults.tell("log", "no file")
    assert told(events)[FAULTS_MAX:] == [("log", "no file")]


def told(events: ReportedEvents) -> list[tuple[str, str]]:
    return [(subject, details["fault"]) for event, subject, details in events.reported if event is SecurityEvent.AUDIT_LOG_FAULT]
