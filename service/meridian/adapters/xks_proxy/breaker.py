"""Whether a proxy is asked at all: after it has not answered for a while, once a second.

Source: docs/external-key-stores.md, When a proxy does not answer.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from meridian.adapters.xks_proxy.outcomes import OF_THE_WAY, Outcome

FAILURES: Final = 5
WITHIN_SECONDS: Final = 10.0
PROBE_SECONDS: Final = 1.0


class Breaker:
    """Of one store. Moments are monotonic seconds; it knows no clock."""

    def __init__(self) -> None:
        self._failed_at: deque[float] = deque(maxlen=FAILURES)
        self._last = Outcome.UNREACHABLE
        self._probe_at = 0.0
        self.is_open = False

    def refusal(self, now: float) -> Outcome | None:
        """How the request fails without being sent, as the last one did; None where it is to be sent."""
        if not self.is_open:
            return None
        if now < self._probe_at:
            return self._last
        self._probe_at = now + PROBE_SECONDS
        return None

    def note(self, outcome: Outcome | None, now: float) -> None:
        """An attempt was answered, with an error too, or failed on its way."""
        if outcome not in OF_THE_WAY:
            self.is_open = False
            self._failed_at.clear()
            return
        self._last = Outcome(outcome)
        self._failed_at.append(now)
        if not self.is_open and len(self._failed_at) == FAILURES and now - self._failed_at[0] <= WITHIN_SECONDS:
            self.is_open, self._probe_at = True, now + PROBE_SECONDS
