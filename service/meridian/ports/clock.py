"""Where the service gets the time."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

STEP_SECONDS: Final = 2.0
"""A wall clock that goes so much further than the monotonic one, or less far, was set: a slow correction is no step."""


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never step back; for deadlines and durations."""
        ...
