"""THE list of what a Region does by time."""

from __future__ import annotations

from functools import partial
from typing import Final

from meridian.adapters.live_exports import LOOK_SECONDS as EXPORT_SECONDS
from meridian.adapters.live_key_sets import LOOK_SECONDS as KEY_SET_SECONDS
from meridian.adapters.live_token_reviews import LOOK_SECONDS as REVIEW_SECONDS
from meridian.adapters.security_events import TOLD_SECONDS
from meridian.adapters.store_cache import READING_SECONDS
from meridian.bootstrap.core import Core
from meridian.bootstrap.operations import UseCases
from meridian.bootstrap.pipelines import Pipelines
from meridian.bootstrap.replication import Inbound, Outbound
from meridian.ports.store.store import READ_SECONDS_MAX
from meridian.workers.certificate_expiry import CertificateExpiry
from meridian.workers.clock_watch import ClockWatch
from meridian.workers.key_store_health import KeyStoreHealth
from meridian.workers.loop_lag import LoopLag
from meridian.workers.outbox_backlog import OutboxBacklog
from meridian.workers.periodic import PATIENT_SECONDS, URGENT_SECONDS, Job
from meridian.workers.pruning import PruneWorker
from meridian.workers.reloaded_files import ReloadedFilesWorker
from meridian.workers.rewrap import RewrapWorker
from meridian.workers.set_aside import SetAsideMetrics
from meridian.workers.unless_still import UnlessStill, rests_where

TRANSPORT_KEY_SECONDS: Final = 3600.0
SHIPPED_SECONDS: Final = 1.0


def run_jobs(core: Core, cases: UseCases, outbound: Outbound, inbound: Inbound, pipelines: Pipelines, files: ReloadedFilesWorker) -> None:
    """Begin them all, and register what each sets aside."""
    limits = core.settings.limits
    rewrap = RewrapWorker(
        store=core.store,
        keyring=core.engine.region_keyring,
        materials=core.engine.symmetric_keys,
        directory=core.directory,
        limits=limits,
        clock=core.clock,
        events=core.events,
    )
    backlog = OutboxBacklog(core.store, core.clock, outbound.peers)
    core.registry.register(backlog)
    feed = UnlessStill(core.directory.read_changes, core.store, core.clock, lambda: READ_SECONDS_MAX, core.directory.nothing_changed)
    is_whole = rests_where(core.exports.is_whole, READ_SECONDS_MAX)
    exports = UnlessStill(core.exports.look, core.store, core.clock, is_whole, core.exports.nothing_changed)
    shipping = UnlessStill(core.shipping.ship, core.store, core.clock, rests_where(core.shipping.is_idle, READ_SECONDS_MAX))
    for job in (
        Job("change feed", feed, READING_SECONDS, URGENT_SECONDS),
        *([Job("exports", exports, EXPORT_SECONDS, URGENT_SECONDS)] if core.settings.xks is not None else []),
        Job("audit shipping", shipping, SHIPPED_SECONDS, URGENT_SECONDS),
        Job("audit log", core.stream.probe, SHIPPED_SECONDS, URGENT_SECONDS),
        Job("security events", partial(core.events.tell, core.stream.append), TOLD_SECONDS, URGENT_SECONDS),
        Job("transport keys", partial(_renew_transport_keys, core), TRANSPORT_KEY_SECONDS, PATIENT_SECONDS),
        core.heads.job(),
        *core.sinks.jobs(),
        *core.tracing.jobs(),
        *outbound.outbox.jobs(),
        backlog.job(),
        *inbound.reservations.jobs(),
        inbound.membership.job(),
        core.usage.job(),
        *inbound.comparing.jobs(),
        cases.schedule.job(),
        rewrap.job(),
        cases.key_stores.worker.job(),
        KeyStoreHealth((cases.key_stores.external, cases.key_stores.token_links), core.entropy).job(),
        cases.key_stores.left_keys.job(),
        pipelines.policies.job(),
        PruneWorker(store=core.store, limits=limits).job(),
        files.job(),
        Job("token reviews", core.token_reviews.look, REVIEW_SECONDS, PATIENT_SECONDS, core.review_wake),
        Job("token key sets", core.key_sets.look, KEY_SET_SECONDS, PATIENT_SECONDS, core.key_set_wake),
        CertificateExpiry(core.files.certificates, core.clock, core.registry).job(),
        ClockWatch(core.clock, core.events).job(),
    ):
        core.supervisor.run(job)
    lag = LoopLag(limits.loop_lag_look_seconds)
    core.registry.register(lag)
    core.supervisor.serve("loop lag", lag.run())
    core.supervisor.serve("entrance", pipelines.calls.watch())
    core.supervisor.serve("wrapping keys", cases.wrapping_keys.refill())
    core.supervisor.serve("key pairs", core.work.pairs.refill())
    core.supervisor.serve("supervisor", core.supervisor.watch())
    asides = (
        outbound.outbox.aside,
        inbound.reservations.aside,
        cases.schedule.aside,
        rewrap.aside,
        cases.key_stores.worker.aside,
        cases.key_stores.left_keys.aside,
        inbound.sets_aside,
    )
    core.registry.register(SetAsideMetrics(asides))


async def _renew_transport_keys(core: Core) -> None:
    core.engine.envelopes.use_transport_keys(await core.engine.transport_keys.renew(core.store, core.clock.now()))
