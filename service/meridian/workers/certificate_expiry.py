"""When the certificates of this Region end: for Prometheus, and in the log while there is time to renew them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric

from meridian.crypto.certificate_life import CertificateLife
from meridian.log import structlog
from meridian.ports.clock import Clock
from meridian.workers.periodic import PATIENT_SECONDS, Job

LOOK_SECONDS: Final = 60.0
WARN_BEFORE: Final = timedelta(days=14)
WARN_SHARE: Final = 3
"""A certificate of a short life is renewed late in it: it is warned of when less than a third of its life is left."""
WARN_AGAIN: Final = timedelta(days=1)

UNREADY_BEFORE: Final = timedelta(minutes=5)
"""From here to the end of a file's certificates the Region is not ready: callers are led elsewhere while connections still hold."""

Certificates = Callable[[], Iterator[tuple[str, str, CertificateLife]]]
"""(listener, "certificate" or "client_ca", life) of each one in force."""


def certificate_troubles(ends: Iterable[tuple[str, str, datetime]], now: datetime) -> list[str]:
    """A line for each (listener, file, end) that is nearer than five minutes, or past."""
    lines = []
    for listener, file, end in ends:
        if end - now < UNREADY_BEFORE:
            verb = "ended" if end <= now else "ends"
            lines.append(f"{listener}.tls.{file}: {verb} at {end:%Y-%m-%dT%H:%M:%SZ}")
    return lines


class CertificateExpiry:
    """Watches the ends of certificates. A warning is said once a day for each, until it is renewed."""

    def __init__(self, certificates: Certificates, clock: Clock, registry: CollectorRegistry) -> None:
        self._certificates = certificates
        self._clock = clock
        self._warned: dict[tuple[str, str], tuple[datetime, datetime]] = {}
        """By listener and file: the end that was warned of, and when."""
        registry.register(self)

    def job(self) -> Job:
        """Once a minute."""
        return Job("certificate expiry", self._round, LOOK_SECONDS, PATIENT_SECONDS)

    async def _round(self) -> None:
        self.look()

    def look(self) -> None:
        """Warn of what ends soon."""
        now = self._clock.now()
        for listener, file, life in self._certificates():
            left = life.not_after - now
            end, at = self._warned.get((listener, file), (now, now))
            is_told = end == life.not_after and now - at < WARN_AGAIN
            if left >= min(WARN_BEFORE, life.length / WARN_SHARE) or is_told:
                continue
            self._warned[listener, file] = (life.not_after, now)
            days = round(left / timedelta(days=1), 2)
            log = structlog.get_logger("meridian.identity")
            event = "certificate ends soon" if left > timedelta(0) else "certificate has ended"
            log.warning(event, listener=listener, file=file, not_after=life.not_after.isoformat(), days_left=days)

    def collect(self) -> Iterator[Metric]:
        """Seconds that are left, below zero where the end is past; and of the whole life, so that a share of it can be asked for."""
        text = "Seconds until the certificate ends; of a bundle, the one that ends first."
        family = GaugeMetricFamily("meridian_certificate_expires_seconds", text, labels=["listener", "file"])
        for listener, file, life in self._certificates():
            family.add_metric([listener, file], (life.not_after - self._clock.now()).total_seconds())
        yield family
        lives = GaugeMetricFamily(
            "meridian_certificate_life_seconds", "Seconds from its beginning to its end.", labels=["listener", "file"]
        )
        for listener, file, life in self._certificates():
            lives.add_metric([listener, file], life.length.total_seconds())
        yield lives
