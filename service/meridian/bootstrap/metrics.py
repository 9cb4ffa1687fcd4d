"""What is counted outside the walk of calls, for /metrics."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Gauge
from prometheus_client.core import GaugeMetricFamily, Metric

from meridian.bootstrap.core import Core
from meridian.bootstrap.replication import Outbound
from meridian.domain.bounded_cache import Caches
from meridian.workers.audit_sinks import SinkMetrics
from meridian.workers.policy_files import PolicyFilesWorker, PolicySetMetrics


def register_metrics(core: Core, outbound: Outbound, policies: PolicyFilesWorker) -> None:
    """Each is read when somebody asks."""
    core.registry.register(PolicySetMetrics(policies, core.clock))
    core.registry.register(core.supervisor)
    core.registry.register(SinkMetrics(core.sinks.standings))
    core.registry.register(CacheMetrics(core.caches))
    core.registry.register(core.key_sets)
    outbox, work = outbound.outbox, core.work
    for name, text, read in (
        ("meridian_audit_records", "Durable audit records.", lambda: core.stream.records),
        ("meridian_audit_syncs", "Syncs of the audit file.", lambda: core.stream.syncs),
        ("meridian_database_transactions", "Transactions and readings begun.", lambda: core.store.statements),
        ("meridian_database_connections_busy", "Connections to PostgreSQL at work.", lambda: core.store.connections_busy),
        ("meridian_database_connections_lost", "Connections to PostgreSQL given up.", lambda: core.store.connections_lost),
        ("meridian_policy_parses", "Policy sets parsed.", lambda: core.authorizer.parses),
        ("meridian_outbox_deliveries", "Deliveries to other Regions that were taken.", lambda: outbox.deliveries),
        ("meridian_outbox_failures", "Tries of deliveries that failed.", lambda: outbox.failures),
        ("meridian_heavy_work_waiting", "Work that waits for a thread beside the event loop.", lambda: work.heavy.waiting),
        ("meridian_heavy_work_refused", "Such work that was refused, or waited for too long.", lambda: work.heavy.refused),
        ("meridian_separate_processes_started", "Processes started for such work.", lambda: work.held.started),
        ("meridian_material_unwraps", "Wrapped material rows opened.", lambda: core.engine.unwraps),
    ):
        Gauge(name, text, registry=core.registry).set_function(read)


class CacheMetrics:
    """What each cache holds."""

    def __init__(self, caches: Caches) -> None:
        self._caches = caches

    def collect(self) -> Iterator[Metric]:
        """The metrics as Prometheus wants them."""
        counts = GaugeMetricFamily("meridian_cache_entries", "Entries of a cache.", labels=["cache"])
        sizes = GaugeMetricFamily("meridian_cache_bytes", "About how many bytes a cache takes.", labels=["cache"])
        for name, entries, taken in self._caches.sizes():
            counts.add_metric([name], entries)
            sizes.add_metric([name], taken)
        yield counts
        yield sizes
