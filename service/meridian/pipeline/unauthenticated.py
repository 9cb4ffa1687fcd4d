"""The end of a call whose caller could not prove who it is; every wire's edge comes here, with nothing of the request read.

Each address has at most two records a second, and neither shows anything of a request: the first failure of the second by itself,
and one that counts the others. Answers to an address that fails again and again come late.
"""

from __future__ import annotations

from typing import Final

from meridian.authentication.failed_attempts import FailedAttempts
from meridian.call import Evidence
from meridian.domain.addresses import network_of
from meridian.errors import KmsError
from meridian.pipeline.telemetry import Telemetry
from meridian.ports.clock import Clock
from meridian.ports.security_events import SecurityEvent, SecurityEvents

ADDRESSES_PER_SECOND_MAX: Final = 100
"""Addresses that are told apart within a second; so a flood from many leaves other security events their place."""
OTHERS: Final = "others"


class Unauthenticated:
    """Counts, tells and delays failed authentications."""

    def __init__(self, *, events: SecurityEvents, attempts: FailedAttempts, telemetry: Telemetry, clock: Clock) -> None:
        self._events = events
        self._attempts = attempts
        self._telemetry = telemetry
        self._clock = clock
        self._second = -1
        self._seen: set[str] = set()

    async def refuse(self, error: KmsError, *, operation: str, evidence: Evidence, request_id: str, started: float) -> None:
        """Return when `error` may be answered. `operation` is a name of the contract, `started` monotonic seconds at arrival."""
        now = self._clock.monotonic()
        self._telemetry.count(operation, evidence.wire, error, now - started)
        self._tell(error, operation, evidence.source_ip, request_id, int(now))
        await self._attempts.hold_back(evidence.source_ip, now)

    def _tell(self, error: KmsError, operation: str, address: str, request_id: str, second: int) -> None:
        if second != self._second:
            self._second = second
            self._seen.clear()
        network = network_of(address)
        if network in self._seen:
            self._count(network)
        elif len(self._seen) >= ADDRESSES_PER_SECOND_MAX:
            self._count(OTHERS)
        else:
            self._seen.add(network)
            self._events.report(
                SecurityEvent.AUTHENTICATION_FAILED,
                subject=network,
                address=address,
                operation=operation,
                code=error.code,
                reason=error.reason,
                requestId=request_id,
            )

    def _count(self, subject: str) -> None:
        self._events.report(SecurityEvent.AUTHENTICATION_FAILED, subject=subject, reason="further failures")
