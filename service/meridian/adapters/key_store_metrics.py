"""What operators see of key stores: what was asked of them by what became of it, how long it took, and how they fare. A label says of which
type a store is; no store, key or caller is one."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import accumulate
from typing import Final, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from meridian.domain.key_store import KeyStoreType

SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 1.0, 2.0, 5.0)

Count = Callable[[str, str, float], None]
"""Told of each request: what was asked, what became of it, which is nothing where all is well, and how many seconds it took."""


class StoresAtWork(Protocol):
    """What is known of the stores of one type that a process asks."""

    @property
    def connected(self) -> int: ...

    @property
    def broken(self) -> int: ...

    unwell: int


class StoreMetrics:
    """A collector of Prometheus."""

    def __init__(self, kinds: Mapping[KeyStoreType, StoresAtWork]) -> None:
        self._kinds = kinds

    def collect(self) -> Iterator[Metric]:
        """Three gauges."""
        connected = GaugeMetricFamily("meridian_key_stores_connected", "Stores that this process has connections to.", labels=["type"])
        broken = GaugeMetricFamily("meridian_key_stores_broken", "Of these, stores that do not answer.", labels=["type"])
        unwell = GaugeMetricFamily("meridian_key_stores_unwell", "Of these, stores that were not well when asked last.", labels=["type"])
        for kind, stores in self._kinds.items():
            for family, value in ((connected, stores.connected), (broken, stores.broken), (unwell, stores.unwell)):
                family.add_metric([kind], value)
        yield from (connected, broken, unwell)


class StoreRequestMetrics:
    """Counts requests to all key stores of a Region; a collector of Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self._durations: dict[tuple[str, str], list[int]] = {}
        self._seconds: dict[tuple[str, str], float] = {}
        registry.register(self)

    def of(self, kind: KeyStoreType) -> Count:
        """What stores of this type tell of their requests."""
        return partial(self._count, kind)

    def _count(self, kind: KeyStoreType, request: str, outcome: str, seconds: float) -> None:
        self._requests[kind, request, outcome] += 1
        counts = self._durations.setdefault((kind, request), [0] * (len(SECONDS) + 1))
        counts[bisect_left(SECONDS, seconds)] += 1
        self._seconds[kind, request] = self._seconds.get((kind, request), 0.0) + seconds

    def collect(self) -> Iterator[Metric]:
        """The metrics as Prometheus wants them."""
        text = "Requests to key stores outside the Region, by what they ask; an empty outcome is a good answer."
        requests = CounterMetricFamily("meridian_key_store_requests", text, labels=["type", "request", "outcome"])
        for told, count in list(self._requests.items()):
            requests.add_metric(told, count)
        yield requests
        text = "How long they took, with a second attempt."
        durations = HistogramMetricFamily("meridian_key_store_request_seconds", text, labels=["type", "request"])
        for asked, counts in list(self._durations.items()):
            bounds = [*map(str, SECONDS), "+Inf"]
            durations.add_metric(asked, list(zip(bounds, map(float, accumulate(counts)), strict=True)), self._seconds[asked])
        yield durations
