"""The wall clock beside the monotonic one: a step of the wall clock moves windows, signatures and certificates, so it is told."""

from __future__ import annotations

from typing import Final

from meridian.ports.clock import STEP_SECONDS, Clock
from meridian.ports.security_events import SecurityEvent, SecurityEvents
from meridian.workers.periodic import PATIENT_SECONDS, Job

LOOK_SECONDS: Final = 1.0


class ClockWatch:
    """Reports each step of more than two seconds, in either direction. A slow correction is none."""

    def __init__(self, clock: Clock, events: SecurityEvents) -> None:
        self._clock = clock
        self._events = events
        self._offset = self._now()

    def job(self) -> Job:
        """Once a second."""
        return Job("clock watch", self._round, LOOK_SECONDS, PATIENT_SECONDS)

    async def _round(self) -> None:
        self.look()

    def look(self) -> None:
        """Compare with the look before."""
        offset = self._now()
        step, self._offset = offset - self._offset, offset
        if abs(step) > STEP_SECONDS:
            self._events.report(SecurityEvent.CLOCK_STEP, subject="system clock", seconds=f"{step:+.1f}")

    def _now(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()
