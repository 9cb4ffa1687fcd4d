"""Metrics are written at most once a second, beside the event loop, however many ask."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from tests.stepped_clock import SteppedClock

from meridian.transport import metrics_text
from meridian.transport.metrics_text import KEPT_SECONDS, MetricsText


class Counted:
    """A collector that says how often it was asked."""

    def __init__(self) -> None:
        self.times = 0
        self.threads: set[int] = set()

    def collect(self) -> Iterator[Metric]:
        self.times += 1
        self.threads.add(threading.get_ident())
        yield GaugeMetricFamily("asked", "How often.", value=self.times)


def test_metrics_are_written_once_a_second_and_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    registry, clock, counted = CollectorRegistry(), SteppedClock(), Counted()
    registry.register(counted)
    text = MetricsText(registry, clock)
    begun = counted.times
    written_by: list[int] = []

    def noted(collected: CollectorRegistry) -> bytes:
        written_by.append(threading.get_ident())
        return generate_latest(collected)

    monkeypatch.setattr(metrics_text, "generate_latest", noted)

    async def story() -> None:
        for second in range(3):
            told = await asyncio.gather(*(text.read() for _ in range(50)))
            clock.seconds += KEPT_SECONDS * 0.99
            told.append(await text.read())
            assert set(told) == {b"# HELP asked How often.\n# TYPE asked gauge\nasked %.1f\n" % (begun + second + 1)}
            clock.seconds += KEPT_SECONDS * 0.02

    asyncio.run(story())
    assert counted.threads == {threading.get_ident()}
    assert len(written_by) == 3
    assert threading.get_ident() not in written_by
