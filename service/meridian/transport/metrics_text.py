"""The text of `/metrics`, made at most once a second however often it is asked for: nobody has to say who he is to ask."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Metric, generate_latest

from meridian.ports.clock import Clock

KEPT_SECONDS: Final = 1.0


class MetricsText:
    """The metrics of a registry. They are collected on the event loop, where they are counted, and written out beside it."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock
        self._text = b""
        self._until = -KEPT_SECONDS
        self._one_at_a_time = asyncio.Lock()

    async def read(self) -> bytes:
        """The text, at most a second old."""
        async with self._one_at_a_time:
            if self._clock.monotonic() >= self._until:
                self._text = await asyncio.to_thread(written, list(self._registry.collect()))
                self._until = self._clock.monotonic() + KEPT_SECONDS
            return self._text


def written(metrics: list[Metric]) -> bytes:
    """Metrics as Prometheus reads them."""
    return generate_latest(_Collected(metrics))


class _Collected(CollectorRegistry):
    """What was collected, in the form that the writer takes."""

    def __init__(self, metrics: list[Metric]) -> None:
        super().__init__()
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics
