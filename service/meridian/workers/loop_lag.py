"""How late the event loop comes: what stops it stops every call, so it is looked at all the time and told in the metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from meridian.ports.clock import Clock


class LoopLag:
    """Sleeps for short times and notes how much longer they took. A pause that falls between two looks and is shorter than the time
    between them may go unseen; a longer one is always seen."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._longest = 0.0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            began = self._clock.monotonic()
            await asyncio.sleep(self._seconds)
            self._longest = max(self._longest, self._clock.monotonic() - began - self._seconds)

    def take_longest(self) -> float:
        """The longest delay since the last time that somebody asked, in seconds."""
        longest, self._longest = self._longest, 0.0
        return longest

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "meridian_loop_lag_seconds", "The longest delay of the event loop since the last scrape.", value=self.take_longest()
        )
