"""How late the event loop comes: what stops it stops every call, so it is looked at all the time and told in the metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from meridian.workers.periodic import end_of_wait


class LoopLag:
    """Sleeps for short times and notes how much longer they took. A pause that falls between two looks and is shorter than the time
    between them may go unseen; a longer one is always seen."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._longest = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        self._wait(loop)
        try:
            await loop.create_future()
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        due = end_of_wait(loop.time(), self._seconds)
        self._timer = loop.call_at(due, self._look, loop, due)

    def _look(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._longest = max(self._longest, loop.time() - due)
        self._wait(loop)

    def take_longest(self) -> float:
        """The longest delay since the last time that somebody asked, in seconds."""
        longest, self._longest = self._longest, 0.0
        return longest

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "meridian_loop_lag_seconds", "The longest delay of the event loop since the last scrape.", value=self.take_longest()
        )
