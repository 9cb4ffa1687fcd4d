"""What operators see of proxies: requests by what became of them, and how long they took. No store, key or caller is a label."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from typing import Final, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


class StoresAtWork(Protocol):
    """What is known of the stores that a process asks."""

    @property
    def connected(self) -> int: ...

    @property
    def broken(self) -> int: ...

    unwell: int


class StoreMetrics:
    """A collector of Prometheus."""

    def __init__(self, stores: StoresAtWork) -> None:
        self._stores = stores

    def collect(self) -> Iterator[Metric]:
        """Three gauges."""
        stores = self._stores
        yield GaugeMetricFamily("meridian_key_stores_connected", "Stores that this process has connections to.", value=stores.connected)
        yield GaugeMetricFamily("meridian_key_stores_broken", "Of these, stores whose proxy does not answer.", value=stores.broken)
        yield GaugeMetricFamily("meridian_key_stores_unwell", "Of these, stores that were not well when asked last.", value=stores.unwell)


class ProxyMetrics:
    """Counts requests to all proxies of a Region; a collector of Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests: Counter[tuple[str, str]] = Counter()
        self._durations: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}
        registry.register(self)

    def count(self, request: str, outcome: str, seconds: float) -> None:
        """Implements `count` of `connection.Surroundings`."""
        self._requests[request, outcome] += 1
        counts = self._durations.setdefault(request, [0] * (len(SECONDS) + 1))
        counts[bisect_left(SECONDS, seconds)] += 1
        self._seconds[request] = self._seconds.get(request, 0.0) + seconds

    def collect(self) -> Iterator[Metric]:
        """The metrics as Prometheus wants them."""
        text = "Requests to proxies of external key stores, by what they ask; an empty outcome is a good answer."
        requests = CounterMetricFamily("meridian_key_store_requests", text, labels=["request", "outcome"])
        for told, count in list(self._requests.items()):
            requests.add_metric(told, count)
        yield requests
        text = "How long they took, with a second attempt."
        durations = HistogramMetricFamily("meridian_key_store_request_seconds", text, labels=["request"])
        for request, counts in list(self._durations.items()):
            bounds = [*map(str, SECONDS), "+Inf"]
            durations.add_metric([request], list(zip(bounds, map(float, accumulate(counts)), strict=True)), self._seconds[request])
        yield durations
