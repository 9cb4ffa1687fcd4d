"""Steps of the clock, and certificates that end: told in time, and once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs
from tests.unit.workers.test_reloaded_files import Told

from meridian.crypto.certificate_life import CertificateLife
from meridian.ports.security_events import SecurityEvent
from meridian.workers.certificate_expiry import CertificateExpiry, certificate_troubles
from meridian.workers.clock_watch import ClockWatch

START = datetime(2026, 11, 26, tzinfo=UTC)


class HandSetClock:
    def __init__(self) -> None:
        self.passed, self.stepped = 0.0, 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.passed + self.stepped)

    def monotonic(self) -> float:
        return self.passed


def test_a_step_of_the_clock_is_told_with_its_size_and_direction_and_drift_is_none() -> None:
    clock, told = HandSetClock(), Told()
    watch = ClockWatch(clock, told)
    for step in (0.0, 1.9, -1.9, 3600.0, 0.0, -7.5, 0.0):
        clock.passed += 1
        clock.stepped += step
        watch.look()
    assert [(event, details) for event, _, details in told.events] == [
        (SecurityEvent.CLOCK_STEP, {"seconds": "+3600.0"}),
        (SecurityEvent.CLOCK_STEP, {"seconds": "-7.5"}),
    ]


def test_a_certificate_is_warned_of_once_a_day_until_it_is_renewed() -> None:
    clock = HandSetClock()
    lives = {"year": CertificateLife(START, START + timedelta(days=365)), "day": CertificateLife(START, START + timedelta(hours=24))}

    def certificates() -> Iterator[tuple[str, str, CertificateLife]]:
        for name, life in lives.items():
            yield name, "certificate", life

    registry = CollectorRegistry()
    expiry = CertificateExpiry(certificates, clock, registry)

    def told(after: timedelta, event: str) -> list[str]:
        clock.passed = after.total_seconds()
        with capture_logs() as logs:
            expiry.look()
            expiry.look()
        return [each["listener"] for each in logs if each["event"] == event]

    def warned(after: timedelta) -> list[str]:
        return told(after, "certificate ends soon")

    assert warned(timedelta(hours=15)) == []
    assert warned(timedelta(hours=17)) == ["day"], "a third of its life is left"
    lives["day"] = CertificateLife(START, START + timedelta(days=3650))
    assert warned(timedelta(hours=18)) == []
    assert warned(timedelta(days=350)) == []
    assert warned(timedelta(days=351, hours=1)) == ["year"], "fourteen days are left"
    assert warned(timedelta(days=351, hours=2)) == []
    assert warned(timedelta(days=352, hours=2)) == ["year"]
    assert b'meridian_certificate_expires_seconds{file="certificate",listener="year"} 1.1' in generate_latest(registry)
    assert told(timedelta(days=365, hours=3), "certificate has ended") == ["year"]


def test_five_minutes_before_its_end_a_certificate_is_a_trouble_and_after_it_too() -> None:
    def troubles(left: timedelta) -> list[str]:
        return certificate_troubles([("peer", "client_ca", START + left), ("grpc", "certificate", START + timedelta(days=1))], START)

    assert troubles(timedelta(minutes=5)) == []
    assert troubles(timedelta(minutes=4)) == ["peer.tls.client_ca: ends at 2026-11-26T00:04:00Z"]
    assert troubles(timedelta(minutes=-1)) == ["peer.tls.client_ca: ended at 2026-11-25T23:59:00Z"]
