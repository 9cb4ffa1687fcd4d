"""A look at the database that is left out while nobody commits anything: an idle Region asks for nothing new twice.

A look is left out only where the last one found nothing to do, and for so long at most: what comes by time alone comes no later than that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from meridian.ports.clock import Clock
from meridian.ports.store.store import STILL_SECONDS_MAX, Store


class UnlessStill:
    """One job's look. `rests` says how many seconds it may be left out after a look that found nothing; called within that look's round.
    `left_out` hears of each that was, with the monotonic seconds before it was asked whether somebody had committed."""

    def __init__(
        self,
        look: Callable[[], Awaitable[bool | None]],
        store: Store,
        clock: Clock,
        rests: Callable[[], float],
        left_out: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._look = look
        self._left_out = left_out
        self._store = store
        self._clock = clock
        self._rests = rests
        self._seen: int | None = None
        self._until = 0.0

    async def __call__(self) -> bool:
        """Whether there is more to do at once. Raises: what the look raises."""
        now, seen = self._clock.monotonic(), self._store.commits()
        if seen is not None and seen == self._seen and now < self._until:
            self._left_out(now)
            return False
        self._seen = None
        more = bool(await self._look())
        if not more:
            self._seen, self._until = seen, now + min(self._rests(), STILL_SECONDS_MAX)
        return more


def rests_where(nothing_waits: Callable[[], bool], seconds: float) -> Callable[[], float]:
    """For a look that, where nothing waits, finds nothing new for so many seconds but what somebody has committed."""
    return lambda: seconds if nothing_waits() else 0.0
