"""What operators see of proxies: requests by what became of them, and how long they took. No store, key or caller is a label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


class StoresAtWork(Protocol):
    """What is known of the stores that a process asks."""

    @property
    def connected(self) -> int: ...

    @property
    def broken(self) -> int: ...


class StoreMetrics:
    """A collector of Prometheus."""

    def __init__(self, stores: StoresAtWork) -> None:
        self._stores = stores

    def collect(self) -> Iterator[Metric]:
        """Two gauges."""
        stores = self._stores
        yield GaugeMetricFamily("meridian_key_stores_connected", "Stores that this process has connections to.", value=stores.connected)
        yield GaugeMetricFamily("meridian_key_stores_broken", "Of these, stores whose proxy does not answer.", value=stores.broken)


class ProxyMetrics:
    """Counts requests to all proxies of a Region."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "meridian_key_store_requests",
            "Requests to proxies of external key stores, by what they ask; an empty outcome is a good answer.",
            ["request", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "meridian_key_store_request_seconds",
            "How long they took, with a second attempt.",
            ["request"],
            buckets=SECONDS,
            registry=registry,
        )

    def count(self, request: str, outcome: str, seconds: float) -> None:
        """Implements `count` of `connection.Surroundings`."""
        self._requests.labels(request, outcome).inc()
        self._seconds.labels(request).observe(seconds)
