"""What is counted outside the walk of calls, for /metrics."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from prometheus_client import GCCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from meridian.bootstrap.core import Core
from meridian.bootstrap.replication import Outbound
from meridian.domain.bounded_cache import Caches
from meridian.release import RELEASE
from meridian.workers.audit_sinks import SinkMetrics
from meridian.workers.policy_files import PolicyFilesWorker, PolicySetMetrics

Read = Callable[[], float]
HIT: Final = "hit"
MISS: Final = "miss"


def register_metrics(core: Core, outbound: Outbound, policies: PolicyFilesWorker) -> None:
    """Each is read when somebody asks."""
    outbox, work, store, log = outbound.outbox, core.work, core.store, core.stream.figures
    counted = (
        ("meridian_audit_records", "Durable audit records.", lambda: log().records),
        ("meridian_audit_syncs", "Syncs of the audit file.", lambda: log().syncs),
        ("meridian_database_transactions", "Transactions and readings begun.", lambda: store.statements),
        ("meridian_database_connections_lost", "Connections to PostgreSQL given up.", lambda: store.connections_lost),
        ("meridian_policy_parses", "Policy sets parsed.", lambda: core.authorizer.parses),
        ("meridian_outbox_deliveries", "Deliveries to other Regions that were taken.", lambda: outbox.deliveries),
        ("meridian_outbox_failures", "Tries of deliveries that failed.", lambda: outbox.failures),
        (
            "meridian_heavy_work_refused",
            "Such work that was refused, or waited for too long.",
            lambda: work.heavy.refused + work.looks.refused,
        ),
        ("meridian_separate_processes_started", "Processes started for such work.", lambda: work.held.started),
        ("meridian_material_unwraps", "Wrapped material rows opened.", lambda: core.engine.symmetric_keys.unwraps),
    )
    standing = (
        ("meridian_audit_records_waiting", "Audit records that are not durable yet.", lambda: log().waiting),
        ("meridian_audit_disk_free_bytes", "What the disk of the audit log has left.", lambda: log().free_bytes),
        ("meridian_audit_digest_age_seconds", "Seconds since the last digest was signed.", lambda: log().digest_age),
        ("meridian_database_connections_busy", "Connections to PostgreSQL at work.", lambda: store.connections_busy),
        ("meridian_database_connections_max", "Connections to the database that there may be.", lambda: store.connections_max),
        ("meridian_database_connections_awaited", "Callers that wait for one of them.", lambda: store.waiting_for_connections),
        (
            "meridian_heavy_work_waiting",
            "Work that waits for a thread beside the event loop.",
            lambda: work.heavy.waiting + work.looks.waiting,
        ),
    )
    for collector in (
        PolicySetMetrics(policies, core.clock),
        core.supervisor,
        SinkMetrics(core.sinks.standings),
        CacheMetrics(core.caches),
        core.key_sets,
        core.token_reviews,
        core.tracing.metrics(),
        ReadFigures(counted, standing),
    ):
        core.registry.register(collector)
    ProcessCollector(registry=core.registry)
    GCCollector(registry=core.registry)


class ReadFigures:
    """Numbers that somebody else keeps: (name, what it is, how it is read), those that only grow first."""

    def __init__(self, counted: Sequence[tuple[str, str, Read]], standing: Sequence[tuple[str, str, Read]]) -> None:
        self._counted = counted
        self._standing = standing

    def collect(self) -> Iterator[Metric]:
        """The metrics as Prometheus wants them, and which release they are of."""
        for name, text, read in self._counted:
            yield CounterMetricFamily(name, text, value=read())
        for name, text, read in self._standing:
            yield GaugeMetricFamily(name, text, value=read())
        build = GaugeMetricFamily("meridian_build_info", "1, with the release of Meridian and its Python.", labels=["version", "python"])
        build.add_metric([RELEASE, platform.python_version()], 1)
        yield build


class CacheMetrics:
    """What each cache holds, and what was looked for in it."""

    def __init__(self, caches: Caches) -> None:
        self._caches = caches

    def collect(self) -> Iterator[Metric]:
        """The metrics as Prometheus wants them."""
        counts = GaugeMetricFamily("meridian_cache_entries", "Entries of a cache.", labels=["cache"])
        sizes = GaugeMetricFamily("meridian_cache_bytes", "About how many bytes a cache takes.", labels=["cache"])
        looked = CounterMetricFamily("meridian_cache_lookups", "What was looked for in a cache.", labels=["cache", "outcome"])
        for name, entries, taken in self._caches.sizes():
            counts.add_metric([name], entries)
            sizes.add_metric([name], taken)
        for name, found in list(self._caches.lookups.items()):
            looked.add_metric([name, HIT], found.hits)
            looked.add_metric([name, MISS], found.misses)
        yield counts
        yield sizes
        yield looked
