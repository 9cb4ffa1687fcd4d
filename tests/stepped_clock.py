"""A clock that stands until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

BEGAN = datetime(2026, 11, 26, tzinfo=UTC)


class SteppedClock:
    """Both hands go together, by the seconds that a test adds, and by `step` for each time that somebody looks."""

    def __init__(self, seconds: float = 0.0, *, step: float = 0.0) -> None:
        self.seconds, self.step = seconds, step

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        self.seconds += self.step
        return self.seconds
