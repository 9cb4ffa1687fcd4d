"""What everything else of a Region is made from: its store, keys, log, policies and identity, opened in the order that a start needs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from meridian.adapters.audit_digests import Opening
from meridian.adapters.audit_file import AuditFile, SegmentRules
from meridian.adapters.audit_history import FileAuditHistory
from meridian.adapters.audit_logs_seen import SeenLogs
from meridian.adapters.audit_retention import KeepRules
from meridian.adapters.audit_segment import AuditDirectory
from meridian.adapters.audit_stream import FileAuditStream
from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.live_exports import LiveExports
from meridian.adapters.live_key_sets import LiveKeySets
from meridian.adapters.live_token_reviews import LiveTokenReviews
from meridian.adapters.security_events import ReportedSecurityEvents
from meridian.adapters.store_cache import CachedKeys
from meridian.adapters.store_sql.store import SqlStore
from meridian.audit.keys import KEYS_FILE
from meridian.audit.record_maker import RecordMaker
from meridian.audit.ship_events import AuditShipping
from meridian.audit.standing_faults import StandingFaults
from meridian.audit.trail import Audit
from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.language.entities import Surroundings
from meridian.authorization.language.evaluator import SchemaHandle
from meridian.authorization.language.self_test import require_sound_evaluator
from meridian.authorization.sets.packaged import schema_text
from meridian.authorization.sets.policy_files import load_policies
from meridian.bootstrap.audit_sinks import Sinks, open_receivers, open_sinks
from meridian.bootstrap.database import require_own_release, seals_of, stored_identity
from meridian.bootstrap.own_log import require_database_of_log, require_own_log, seen_logs
from meridian.bootstrap.seat import Seat
from meridian.bootstrap.spare_seals import SealMetrics, try_seals
from meridian.bootstrap.start_steps import Done, Step
from meridian.bootstrap.startup import naming, writing_to
from meridian.bootstrap.tracing import Tracing, open_tracing
from meridian.bootstrap.workplaces import Workplaces, open_workplaces
from meridian.contract.catalog import walked_rpcs
from meridian.domain.bounded_cache import Caches
from meridian.engine.audit_keys import names_of
from meridian.engine.engine import CryptoEngine, EngineSurroundings, open_engine
from meridian.identity import Identity
from meridian.pipeline.binding import BindingError
from meridian.ports.store.region import RegionIdentity
from meridian.settings import Settings
from meridian.settings_audit import AuditSettings
from meridian.workers.audit_heads import AuditHeads
from meridian.workers.last_usage import LastUsage
from meridian.workers.periodic import Supervisor, Wake, wait_for_real


@dataclass(frozen=True, slots=True)
class Core:
    """One of each, as every file of this room uses them."""

    settings: Settings
    clock: SystemClock
    entropy: OsEntropy
    registry: CollectorRegistry
    stack: AsyncExitStack
    supervisor: Supervisor
    events: ReportedSecurityEvents
    work: Workplaces
    store: SqlStore
    identity: RegionIdentity
    files: Identity
    key_sets: LiveKeySets
    key_set_wake: Wake
    token_reviews: LiveTokenReviews
    review_wake: Wake
    engine: CryptoEngine
    authorizer: Authorizer
    stream: FileAuditStream
    sinks: Sinks
    heads: AuditHeads
    shipping: AuditShipping
    audit: Audit
    directory: CachedKeys
    usage: LastUsage
    history: FileAuditHistory
    exports: LiveExports
    caches: Caches
    tracing: Tracing
    logs: SeenLogs
    surroundings: Surroundings

    @property
    def region_labels(self) -> Mapping[str, tuple[str, ...]]:
        """The labels of every Region that the settings name."""
        return _labels(self.settings)


async def open_core(settings: Settings, seat: Seat, audit_directory: AuditDirectory, stack: AsyncExitStack, done: Done) -> Core:
    """Nothing of it listens. What must be released again is left to the stack. Raises: StartupError, or one of its `FAULTS`."""
    clock, entropy, registry = SystemClock(), OsEntropy(), CollectorRegistry()
    require_database_of_log(settings)
    tracing = open_tracing(settings, clock, entropy)
    stack.push_async_callback(tracing.close)
    with naming("database"):
        await require_own_release(settings.database)
    store = SqlStore.connect(settings.database)
    stack.push_async_callback(store.close)
    identity = await stored_identity(store, settings)
    done(Step.SCHEMA)
    events = ReportedSecurityEvents(identity=identity, clock=clock, entropy=entropy, registry=registry)
    work = open_workplaces(settings, seat, events, registry, stack)
    usage = LastUsage(store, settings.limits.usage_seconds)
    files = Identity(settings, clock)
    key_set_wake = Wake()
    key_sets = LiveKeySets(lambda: files.principals.key_set_sources, clock, key_set_wake)
    stack.callback(key_sets.close)
    review_wake = Wake()
    token_reviews = LiveTokenReviews(lambda: files.principals.review_sources, clock, review_wake)
    stack.callback(token_reviews.close)
    done(Step.IDENTITY)
    caches = Caches(settings.limits.cache_bytes)
    with naming("seals"):
        engine = await open_engine(store, identity, seals_of(settings), EngineSurroundings(clock, entropy, events, caches))
    registry.register(SealMetrics(await try_seals(store, identity, settings)))
    done(Step.KEYRING)
    with naming("policies"):
        schema = _sound_schema()
        done(Step.SELF_TEST)
        authorizer = _authorizer(settings, schema, work, caches)
        done(Step.POLICIES)
    receivers = open_receivers(settings, clock)
    with naming("audit.directory"), writing_to(settings.audit.directory):
        audit_keys = engine.region_keyring
        signer, keys = await audit_keys.audit_signer(store, clock.now()), await audit_keys.audit_keys(store)
        require_own_log(audit_directory.path, keys)
        audit_directory.require_reserve(settings.audit.reserve_bytes)
        audit_directory.write(KEYS_FILE, keys.to_json())
        opening = await _opening(store, identity, settings.replica, entropy.uuid())  # once it is known that the folder takes files
        stream = _stream(settings.audit, AuditFile.open(audit_directory, opening, _rules(settings.audit), signer, clock), events)
    sinks = open_sinks(settings, receivers, stream.log, clock, events)
    stream.compress_closed(settings.audit.reserve_bytes, KeepRules(settings.audit.keep_seconds, settings.audit.keep_bytes), sinks.holds)
    shipping = AuditShipping(stream, store, clock, events)
    faults = StandingFaults(events, clock.monotonic)
    heads = AuditHeads(store=store, stream=stream, shipping=shipping, keyring=engine.region_keyring, faults=faults)
    stack.push_async_callback(heads.close)
    stack.push_async_callback(sinks.close)  # after the stream is closed: the last record is shipped
    stack.push_async_callback(stream.close)
    await heads.look()
    stack.push_async_callback(events.tell, stream.append)
    records = RecordMaker(identity=identity, replica=settings.replica, clock=clock, entropy=entropy, caches=caches, events=events)
    audit = Audit(stream=stream, shipping=shipping, records=records, usage=usage)
    await shipping.resume()
    done(Step.AUDIT_STREAM)
    directory = CachedKeys(store, clock, caches)
    await directory.start()
    logs = seen_logs(settings, seat)
    exports = LiveExports(store, engine.region_keyring, clock)
    if settings.xks is not None:
        await exports.look()
    done(Step.CHANGE_FEED)
    return Core(
        settings=settings,
        clock=clock,
        entropy=entropy,
        registry=registry,
        stack=stack,
        supervisor=Supervisor(clock=clock, events=events, pause=wait_for_real),
        events=events,
        work=work,
        store=store,
        identity=identity,
        files=files,
        key_sets=key_sets,
        key_set_wake=key_set_wake,
        token_reviews=token_reviews,
        review_wake=review_wake,
        engine=engine,
        authorizer=authorizer,
        stream=stream,
        sinks=sinks,
        heads=heads,
        shipping=shipping,
        audit=audit,
        directory=directory,
        usage=usage,
        history=FileAuditHistory(logs, stream.log, work.looks),
        exports=exports,
        caches=caches,
        tracing=tracing,
        logs=logs,
        surroundings=_surroundings(settings),
    )


def _labels(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    return {name: row.labels for name, row in settings.regions.items()}


def _sound_schema() -> SchemaHandle:
    """The schema of the policies, with which the evaluator has kept its promises."""
    schema = SchemaHandle(schema_text())
    require_sound_evaluator(schema)
    return schema


def _surroundings(settings: Settings) -> Surroundings:
    org_units = {account: row.org_units for account, row in settings.accounts.items()}
    return Surroundings(org_units=org_units, region_labels=_labels(settings))


def _authorizer(settings: Settings, schema: SchemaHandle, work: Workplaces, caches: Caches) -> Authorizer:
    around = _surroundings(settings)
    source = load_policies(settings.policies, schema)
    authorizer = Authorizer(
        schema=schema, source=source, around=around, limits=settings.limits, as_json=work.held.policies_as_json, caches=caches
    )
    unknown = {r.action for rpc in walked_rpcs().values() for r in rpc.requires} - set(authorizer.model.actions)
    if unknown:
        raise BindingError(f"permissions that the policy schema does not know: {', '.join(sorted(unknown))}")
    return authorizer


async def _opening(store: SqlStore, identity: RegionIdentity, replica: str, stream: str) -> Opening:
    """A new stream of this process, registered in the database as the one after the newest there."""
    async with store.transaction() as uow:
        before = await uow.audit_streams.newest(replica)
        await uow.audit_streams.open(stream, replica, now=await uow.region.now())
    return Opening(names_of(identity), replica, identity.incarnation, stream, before.head if before else None)


def _rules(settings: AuditSettings) -> SegmentRules:
    return SegmentRules(settings.segment_bytes, settings.segment_seconds, settings.reserve_bytes)


def _stream(settings: AuditSettings, file: AuditFile, events: ReportedSecurityEvents) -> FileAuditStream:
    return FileAuditStream(
        file,
        events,
        max_wait_seconds=settings.max_wait_seconds,
        max_batch=settings.max_batch,
        sink_timeout_seconds=settings.sink_timeout_seconds,
    )
