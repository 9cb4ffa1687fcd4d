"""Builds one Region from its settings, top to bottom. The only place where a concrete thing is chosen.

A configuration with a hole stops here, before anything listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from prometheus_client import CollectorRegistry, Gauge

from meridian.adapters.audit_file import AuditFile, Opening, SegmentRules
from meridian.adapters.audit_keys import names_of, published_keys
from meridian.adapters.audit_segment import AuditDirectory
from meridian.adapters.audit_stream import FileAuditStream
from meridian.adapters.clock_system import SystemClock
from meridian.adapters.engine_in_process import InProcessCryptoEngine, open_engine
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.heavy_workers import HeavyWorkers
from meridian.adapters.import_key_pool import ImportKeyPool
from meridian.adapters.region_peer_grpc import GrpcRegionPeer
from meridian.adapters.security_events import TOLD_SECONDS, EventsOfCommand, ReportedSecurityEvents, log_event
from meridian.adapters.separate_processes import SeparateProcesses
from meridian.adapters.store_cache import READING_SECONDS, CachedKeys
from meridian.adapters.store_sql.dialects import database_name
from meridian.adapters.store_sql.migrate import DatabaseAheadError, SchemaError, require_current, require_there, upgrade
from meridian.adapters.store_sql.store import SqlStore
from meridian.audit.keys import KEYS_FILE, AuditKeys
from meridian.authentication.aws_signature import AwsSignatures
from meridian.authentication.client_certificate import ClientCertificates
from meridian.authentication.failed_attempts import FailedAttempts
from meridian.authorization.authorizer import Authorizer
from meridian.authorization.entities import Surroundings
from meridian.authorization.evaluator import PolicySyntaxError, SchemaHandle
from meridian.authorization.packaged import schema_text
from meridian.authorization.policy_files import PolicySetError, load_policies
from meridian.authorization.self_test import UnsoundEvaluatorError, require_sound_evaluator
from meridian.catalog import ACCESS, rpcs, served_rpcs
from meridian.domain.call import Principal
from meridian.domain.peer_message import Prepare, PrepareHandover
from meridian.domain.peers import PeerRegion
from meridian.engine.seals import FileSeal, PassphraseSeal, Seal, SealError
from meridian.engine.secret_files import FileFault
from meridian.errors import KmsError
from meridian.identity import Identity
from meridian.operations.access import Access
from meridian.operations.aliases import Aliases
from meridian.operations.change import KeyChanges
from meridian.operations.data_keys import DataKeys
from meridian.operations.encryption import Encryption
from meridian.operations.grants import Grants
from meridian.operations.imports import Imports
from meridian.operations.key_agreement import KeyAgreement
from meridian.operations.key_policies import KeyPolicies
from meridian.operations.key_stores import KeyStores
from meridian.operations.keys import Home, Keys
from meridian.operations.macs import Macs
from meridian.operations.multi_region import MultiRegion
from meridian.operations.rotation import Rotation
from meridian.operations.signing import Signing
from meridian.operations.tags import Tags
from meridian.pipeline.access_check import AccessCheck
from meridian.pipeline.admit import Admit
from meridian.pipeline.audit import Audit
from meridian.pipeline.authenticate import Authenticate
from meridian.pipeline.authorize import Authorize, KeyPolicyCheck
from meridian.pipeline.binding import BindingError, bind
from meridian.pipeline.chain import Pipeline, Step
from meridian.pipeline.grants import FindGrants
from meridian.pipeline.idle_days import FindIdleDays
from meridian.pipeline.on_behalf import (
    CREATE_KEY,
    REPLICATE_KEY,
    UPDATE_PRIMARY_REGION,
    ForeseeReplica,
    OnBehalf,
    OwnMember,
    call_of,
    handover_rpc,
    replica_rpc,
)
from meridian.pipeline.policy_document import ReadPolicyDocument
from meridian.pipeline.prospective import Foresee
from meridian.pipeline.resolve import Resolve
from meridian.pipeline.telemetry import Telemetry
from meridian.pipeline.throttle import Throttle
from meridian.pipeline.unauthenticated import Unauthenticated
from meridian.pipeline.validate import Validate
from meridian.ports.entropy import Entropy
from meridian.ports.security_events import SecurityEvent
from meridian.ports.store import Store
from meridian.ports.store_faults import VersionConflict
from meridian.ports.store_rows import RegionIdentity
from meridian.replication.apply import ApplyMessages
from meridian.replication.ask import AnswerRegions, AskRegions
from meridian.replication.compare import Compare
from meridian.replication.dispatch import Dispatch
from meridian.replication.leave import Leave
from meridian.replication.mend import MendSets
from meridian.replication.prepare import ReserveReplica
from meridian.replication.publish import SetPublisher
from meridian.replication.refusals import Refusals
from meridian.replication.succeed import AwaitRole
from meridian.replication.verify import Verify
from meridian.setbacks import Setbacks
from meridian.settings import AwsSettings, FileSealSettings, HttpSettings, Settings
from meridian.short_turns import ShortTurns
from meridian.transport.admin_app import AdminApp, listening_socket
from meridian.transport.aws_json.app import AwsWire
from meridian.transport.aws_json.dev_state import WithDevState
from meridian.transport.budgets import fitting
from meridian.transport.grpc_server import ListenError, listen, make_server
from meridian.transport.http1.application import Application
from meridian.transport.http1.connection import ARRIVING_BYTES_MAX, ConnectionBounds
from meridian.transport.http1.server import HttpMetrics, HttpServer
from meridian.transport.peer_certificates import PeerCertificates
from meridian.transport.peer_server import ReplicationServer, make_peer_server
from meridian.workers.audit_heads import AuditHeads
from meridian.workers.certificate_expiry import CertificateExpiry
from meridian.workers.clock_watch import ClockWatch
from meridian.workers.key_schedule import KeyScheduleWorker
from meridian.workers.loop_lag import LoopLag
from meridian.workers.membership import CompareWorker, MembershipWorker
from meridian.workers.outbox import OutboxWorker
from meridian.workers.periodic import PATIENT_SECONDS, URGENT_SECONDS, Job, Supervisor, wait_for_real
from meridian.workers.policy_files import PolicyFilesWorker, PolicySetMetrics
from meridian.workers.pruning import PruneWorker
from meridian.workers.reloaded_files import ReloadedFilesWorker
from meridian.workers.reservations import ReservationWorker
from meridian.workers.rewrap import RewrapWorker
from meridian.workers.set_aside import SetAside
from meridian.workers.usage import LastUsage

TRANSPORT_KEY_SECONDS: Final = 3600.0
SHIPPED_SECONDS: Final = 1.0
STOP_SECONDS: Final = 5.0

FAULTS: Final = (
    SealError,
    SchemaError,
    PolicySetError,
    PolicySyntaxError,
    UnsoundEvaluatorError,
    FileFault,
    BindingError,
    ListenError,
    KmsError,
    OSError,
    ValueError,
)


class StartupError(Exception):
    """The Region cannot start; the message says why, beginning with the setting that is meant."""


@contextlib.contextmanager
def naming(setting: str) -> Iterator[None]:
    """What is wrong in here is wrong with this setting. Raises: StartupError that names it."""
    try:
        yield
    except FAULTS as fault:
        raise StartupError(f"{setting}: {_text(fault)}") from fault


def seals_of(settings: Settings) -> list[Seal]:
    """The configured seals."""
    return [
        FileSeal(s.path) if isinstance(s, FileSealSettings) else PassphraseSeal(s.passphrase_file, s.time_cost, s.memory_kib, s.parallelism)
        for s in settings.seals
    ]


async def initialise(settings: Settings) -> str:
    """Migrate the database and make the keyring where there is none; the answer is the Region's transport fingerprint.

    Raises: StartupError.
    """
    try:
        with naming("database"):
            await upgrade(settings.database)
        store = SqlStore.connect(settings.database)
        try:
            identity = await _identity(store, settings)
            with naming("seals"):
                engine = await open_engine(store, identity, seals_of(settings), SystemClock(), OsEntropy(), EventsOfCommand())
            await engine.audit_signer(store, SystemClock().now())
            return engine.transport_fingerprint()
        finally:
            await store.close()
    except FAULTS as fault:
        raise StartupError(_text(fault)) from fault


async def _require_current(database: str) -> None:
    """Raises: SchemaError. A database of a newer release is told in the log alone: there is no audit stream yet."""
    try:
        await require_current(database)
    except DatabaseAheadError as fault:
        log_event(SecurityEvent.DATABASE_AHEAD, "database", 1, {"reason": str(fault)})
        raise


async def _identity(store: SqlStore, settings: Settings) -> RegionIdentity:
    """The stored names of the Region, stored now if there are none. Raises: ValueError if the settings say otherwise."""
    async with store.transaction() as uow:
        stored = await uow.region.identity()
        if stored is None:
            stored = RegionIdentity(settings.deployment, settings.partition, settings.region, 0, SystemClock().now())
            await uow.region.initialise(stored)
    wanted = {"deployment": settings.deployment, "partition": settings.partition, "region": settings.region}
    for name, value in wanted.items():
        if getattr(stored, name) != value:
            belongs = f"the database belongs to {name} {getattr(stored, name)}, the settings say {value}"
            raise ValueError(f"{name}: {belongs}; it is {database_name(settings.database)}")
    return stored


async def turn_keyring(settings: Settings, turn: Callable[[Store, Sequence[Seal], Entropy], Awaitable[int]]) -> int:
    """Turn a level of the Region's key hierarchy; the answer is the number of the new key. Raises: StartupError."""
    try:
        require_there(settings.database)
        store = SqlStore.connect(settings.database)
        try:
            return await turn(store, seals_of(settings), OsEntropy())
        finally:
            await store.close()
    except FAULTS as fault:
        raise StartupError(_text(fault)) from fault


async def read_audit_keys(settings: Settings) -> AuditKeys:
    """The public halves of the Region's audit keys. Raises: StartupError."""
    try:
        await require_current(settings.database)
        store = SqlStore.connect(settings.database)
        try:
            async with store.reading() as uow:
                identity = await uow.region.identity()
                if identity is None:
                    raise SealError("the Region is not initialised")
                return await published_keys(uow, identity)
        finally:
            await store.close()
    except FAULTS as fault:
        raise StartupError(_text(fault)) from fault


async def say_word(settings: Settings, word: Callable[[Store, Entropy, str], Awaitable[int]], about: str) -> int:
    """An operator's word about another Region, kept in this one. Raises: StartupError."""
    try:
        await require_current(settings.database)
        store = SqlStore.connect(settings.database)
        try:
            return await word(store, OsEntropy(), about)
        finally:
            await store.close()
    except (*FAULTS, VersionConflict) as fault:
        raise StartupError(_text(fault)) from fault


@contextlib.contextmanager
def while_nobody_serves(settings: Settings) -> Iterator[None]:
    """No process with these settings serves now, nor begins to in here. Raises: StartupError."""
    path = settings.audit.directory
    if not path.is_dir():
        yield
        return
    try:
        taken = AuditDirectory.take(path)
    except OSError as fault:
        raise StartupError(f"the Region may be serving, stop it first: {_text(fault)}") from fault
    with contextlib.closing(taken):
        yield


def _text(fault: BaseException) -> str:
    if isinstance(fault, KmsError):
        return f"{fault.code}: {fault.message} {fault.reason}".strip()
    return str(fault) or type(fault).__name__


class Region:
    """One running Region."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self._entropy = OsEntropy()
        self._registry = CollectorRegistry()
        self._stack = contextlib.AsyncExitStack()
        self._servers: list[grpc.aio.Server] = []
        self._http: list[HttpServer] = []
        self._ready = False
        self._supervisor: Supervisor | None = None
        self._checks: list[Callable[[], str]] = []
        """Each says why a call would not work now, or nothing."""

    @classmethod
    async def start(cls, settings: Settings) -> Region:
        """A Region that serves. Raises: StartupError."""
        region = cls(settings)
        try:
            await region._start()
        except (*FAULTS, StartupError) as fault:
            await region.stop(0)
            raise StartupError(_text(fault)) from fault
        return region

    def reload(self) -> None:
        """Read certificates, authorities, principals, the deny list and the policies again now."""
        if self._ready:
            self._files.reload()
            self._policies.reload()
            structlog.get_logger("meridian.identity").info("files read again", because="SIGHUP")

    async def stop(self, grace_seconds: float) -> None:
        """Stop listening, finish what is under way, close the audit stream, release everything."""
        self._ready = False
        if self._supervisor is not None:
            self._supervisor.begin_stop()
        ends = [server.stop(grace_seconds) for server in self._servers]
        await asyncio.gather(*ends, *[server.stop(grace_seconds) for server in self._http])
        if self._supervisor is not None:
            await self._supervisor.stop(STOP_SECONDS)
        await self._stack.aclose()

    async def ended(self) -> str:
        """Wait until the Region cannot go on; the answer is the reason."""
        return await self.supervisor.ended()

    @property
    def supervisor(self) -> Supervisor:
        """Runs everything that is not a call. It is there from the start on."""
        if self._supervisor is None:
            raise RuntimeError("the Region has not started")
        return self._supervisor

    async def _start(self) -> None:
        s = self._settings
        # First of all: a second process on the same settings touches nothing.
        with naming("audit.directory"):
            audit_directory = AuditDirectory.take(s.audit.directory)
        self._stack.callback(audit_directory.close)
        self._require_free_addresses()
        with naming("database"):
            await _require_current(s.database)
        self.store = SqlStore.connect(s.database)
        self._stack.push_async_callback(self.store.close)
        identity = await _identity(self.store, s)
        self.events = ReportedSecurityEvents(identity=identity, clock=self._clock, entropy=self._entropy, registry=self._registry)
        self._supervisor = Supervisor(clock=self._clock, events=self.events, pause=wait_for_real)
        self._start_heavy_work()
        self._usage = LastUsage(self.store, s.limits.usage_seconds)
        self.identity = Identity(s, self._clock)
        with naming("seals"):
            self.engine = await open_engine(self.store, identity, seals_of(s), self._clock, self._entropy, self.events)
        with naming("policies"):
            self.authorizer = self._authorizer()
        with naming("audit.directory"):
            self.stream = await self._audit_stream(identity, audit_directory)
        heads = AuditHeads(store=self.store, stream=self.stream, engine=self.engine, events=self.events)
        self._stack.push_async_callback(heads.close)
        self._stack.push_async_callback(self.stream.close)
        await heads.look()
        self.supervisor.run(heads.job())
        self._stack.push_async_callback(self.events.tell, self.stream.append)
        audit = Audit(
            stream=self.stream,
            store=self.store,
            identity=identity,
            replica=s.replica,
            clock=self._clock,
            entropy=self._entropy,
            usage=self._usage,
        )
        self._audit = audit
        await audit.ship()
        directory = CachedKeys(self.store, self._clock, self.engine.forget)
        self._directory = directory
        await directory.start()
        self._checks += [directory.trouble, self.stream.trouble]
        await self._serve(identity, audit, directory)
        self._ready = True

    def _require_free_addresses(self) -> None:
        """Bind every address once, all together, so that a start that cannot listen leaves nothing behind. Raises: StartupError."""
        s = self._settings
        addresses = {"grpc": s.grpc.listen, "peer": s.peer.listen, "admin": s.admin.listen}
        addresses |= {"aws": s.aws.listen} if s.aws is not None else {}
        with contextlib.ExitStack() as bound:
            for name, address in addresses.items():
                with naming(f"{name}.listen"):
                    bound.enter_context(listening_socket(address))

    def _start_heavy_work(self) -> None:
        limits = self._settings.limits
        self.turns = ShortTurns()
        self.held = SeparateProcesses(
            most=limits.heavy_processes, wait_seconds=limits.heavy_process_wait_seconds, answer_seconds=limits.heavy_answer_seconds
        )
        self.heavy = HeavyWorkers(
            workers=limits.heavy_workers, queue_max=limits.heavy_queue, wait_seconds=limits.heavy_wait_seconds, turns=self.turns
        )
        self._stack.callback(self.heavy.close)
        self._stack.callback(self.held.close)

    def _authorizer(self) -> Authorizer:
        s = self._settings
        text = schema_text()
        schema = SchemaHandle(text)
        require_sound_evaluator(schema)
        around = Surroundings(
            org_units={account: row.org_units for account, row in s.accounts.items()}, region_labels=self._region_labels()
        )
        source = load_policies(s.policies, schema)
        authorizer = Authorizer(schema_text=text, source=source, around=around, limits=s.limits, as_json=self.held.policies_as_json)
        unknown = {r.action for rpc in served_rpcs().values() for r in rpc.requires} - set(authorizer.model.actions)
        if unknown:
            raise BindingError(f"permissions that the policy schema does not know: {', '.join(sorted(unknown))}")
        return authorizer

    def _region_labels(self) -> Mapping[str, tuple[str, ...]]:
        return {name: row.labels for name, row in self._settings.regions.items()}

    async def _audit_stream(self, identity: RegionIdentity, directory: AuditDirectory) -> FileAuditStream:
        s, replica, stream = self._settings.audit, self._settings.replica, self._entropy.uuid()
        signer, keys = await self.engine.audit_signer(self.store, self._clock.now()), await self.engine.audit_keys(self.store)
        async with self.store.transaction() as uow:
            before = await uow.audit_streams.newest(replica)
            await uow.audit_streams.open(stream, replica, now=await uow.region.now())
        opening = Opening(names_of(identity), replica, identity.incarnation, stream, before.head if before else None)
        rules = SegmentRules(s.segment_bytes, s.segment_seconds, s.reserve_bytes)
        directory.write(KEYS_FILE, keys.to_json())
        return FileAuditStream(
            AuditFile.open(directory, opening, rules, signer, self._clock),
            self.events,
            max_wait_seconds=s.max_wait_seconds,
            max_batch=s.max_batch,
            sink_timeout_seconds=s.sink_timeout_seconds,
        )

    async def _serve(self, identity: RegionIdentity, audit: Audit, directory: CachedKeys) -> None:
        s = self._settings
        usage = self._usage
        clock, entropy, store, engine = self._clock, self._entropy, self.store, self.engine
        principals = self.identity.principals
        labels = self._region_labels()
        peers = {p.region: PeerRegion(p.region, p.address, p.spiffe_id, p.transport_fingerprint, frozenset(p.accounts)) for p in s.peers}
        refusals = Refusals(self.events)
        peer = self._peer(peers, engine, refusals)
        outbox = OutboxWorker(
            store=store,
            dispatch=Dispatch(identity=identity, engine=engine, peer=peer, clock=clock),
            clock=clock,
            entropy=entropy,
            owner=f"{s.replica}-{os.getpid()}",
            regions=tuple(peers),
            events=self.events,
        )
        check = KeyPolicyCheck(self.authorizer, region=s.region, region_labels=labels, events=self.events, heavy=self.heavy)
        publisher = SetPublisher(engine=engine, identity=identity, wake_outbox=outbox.wake)
        home = Home(s.partition, s.region)
        changes = KeyChanges(store, directory, audit, publisher)
        schedule = KeyScheduleWorker(
            store=store,
            engine=engine,
            directory=directory,
            trail=audit,
            publisher=publisher,
            leave=Leave(identity=identity, trail=audit),
            entropy=entropy,
            limits=s.limits,
            clock=clock,
            events=self.events,
        )
        rewrap = RewrapWorker(store=store, engine=engine, directory=directory, limits=s.limits, clock=clock, events=self.events)
        wrapping_keys = ImportKeyPool(s.limits.import_keys_ready, wait_seconds=s.limits.import_key_wait_seconds)
        services: dict[str, object] = {
            "keys": Keys(
                store=store,
                engine=engine,
                changes=changes,
                trail=audit,
                policy_check=check,
                clock=clock,
                entropy=entropy,
                home=home,
                limits=s.limits,
                usage=usage,
                heavy=self.heavy,
            ),
            "aliases": Aliases(store=store, engine=engine, changes=changes, home=home, limits=s.limits),
            "tags": Tags(engine=engine, changes=changes, limits=s.limits),
            "grants": Grants(store=store, engine=engine, changes=changes, home=home, limits=s.limits),
            "key_stores": KeyStores(store=store, engine=engine, trail=audit, entropy=entropy, limits=s.limits),
            "key_policies": KeyPolicies(changes=changes, policy_check=check),
            "encryption": Encryption(engine),
            "data_keys": DataKeys(engine, store, self.heavy),
            "signing": Signing(engine),
            "macs": Macs(engine),
            "key_agreement": KeyAgreement(engine),
            "multi_region": MultiRegion(
                identity=identity,
                engine=engine,
                changes=changes,
                peer=peer,
                peer_regions=peers,
                clock=clock,
                wake_outbox=outbox.wake,
                updating_seconds=s.limits.updating_seconds,
            ),
            "imports": Imports(
                store=store,
                engine=engine,
                changes=changes,
                wrapping_keys=wrapping_keys,
                limits=s.limits,
                heavy=self.heavy,
                held=self.held,
            ),
            "rotation": Rotation(store=store, engine=engine, changes=changes, limits=s.limits, wake_schedule=schedule.wake),
        }
        telemetry = Telemetry(clock, self._registry)
        identify = Authenticate(
            principals, ClientCertificates(principals, self.identity.grpc.check), AwsSignatures(principals, region=s.region)
        )
        attempts = FailedAttempts(s.limits.failed_authentications_per_minute)
        unauthenticated = Unauthenticated(events=self.events, attempts=attempts, telemetry=telemetry, clock=clock)
        authorize = Authorize(self.authorizer, region=s.region, region_labels=labels, events=self.events, heavy=self.heavy)
        policies = PolicyFilesWorker(
            folder=s.policies,
            authorizer=self.authorizer,
            clock=clock,
            announce=audit.record_policy_set,
            events=self.events,
            turns=self.turns,
            seconds=s.limits.policy_look_seconds,
        )
        read_document = partial(
            ReadPolicyDocument,
            partition=s.partition,
            region=s.region,
            model=self.authorizer.model,
            services=s.services,
            limits=s.limits,
            heavy=self.heavy,
            held=self.held,
        )
        find_grants = FindGrants(store=store, engine=engine, directory=directory, clock=clock, entropy=entropy)
        until_decided: tuple[Step, ...] = (
            Validate(),
            find_grants.require_forms,
            Resolve(directory, partition=s.partition, region=s.region),
            find_grants,
            Foresee(partition=s.partition, region=s.region),
            FindIdleDays(usage, s.limits.day_seconds),
        )
        self._policies = policies
        self._files = ReloadedFilesWorker(self.identity.kinds(), clock, self.events, self._registry)
        access = AccessCheck(live=policies, principals=principals, authorize=authorize, steps=until_decided, rpcs=rpcs())
        services[ACCESS] = Access(access, rpcs())
        pipeline = Pipeline(
            telemetry=telemetry,
            audit=audit,
            events=self.events,
            steps=(
                Throttle(clock, s.throttle, served_rpcs()),
                *until_decided,
                authorize,
                read_document(frozenset({"CreateKey", "PutKeyPolicy"})),
                Admit(),
            ),
            operations=bind(served_rpcs(), services),
        )
        reserve = ReserveReplica(store=store, trail=audit, policy_check=check, clock=clock, limits=s.limits, refusals=refusals)
        prepared = Pipeline(
            telemetry=telemetry,
            audit=audit,
            events=self.events,
            steps=(
                OnBehalf(principals, peers, region=s.region),
                Validate(),
                ForeseeReplica(partition=s.partition, region=s.region),
                authorize,
                read_document(frozenset({REPLICATE_KEY})),
            ),
            operations={REPLICATE_KEY: reserve.reserve},
        )
        succeed = AwaitRole(store=store, directory=directory, trail=audit, updating_seconds=s.limits.updating_seconds, refusals=refusals)
        handed_over = Pipeline(
            telemetry=telemetry,
            audit=audit,
            events=self.events,
            steps=(OnBehalf(principals, peers, region=s.region), Validate(), OwnMember(directory), authorize),
            operations={UPDATE_PRIMARY_REGION: succeed.await_role},
        )
        replica, successor = replica_rpc(rpcs()), handover_rpc(rpcs())
        assert replica.operation == CREATE_KEY  # noqa: S101 - the destination audits CreateKey

        async def prepare(message: Prepare | PrepareHandover) -> Any:
            return await prepared.walk(call_of(replica, message, clock))

        async def prepare_handover(message: Prepare | PrepareHandover) -> Any:
            return await handed_over.walk(call_of(successor, message, clock))

        verify = Verify(engine=engine, identity=identity, peers=peers)
        messages = ApplyMessages(
            store=store,
            engine=engine,
            identity=identity,
            directory=directory,
            trail=audit,
            clock=clock,
            wake_outbox=outbox.wake,
            verify=verify,
            refusals=refusals,
            day_seconds=s.limits.day_seconds,
        )
        answers = AnswerRegions(store=store, engine=engine, identity=identity, peer=peer, clock=clock, refusals=refusals)
        ask = AskRegions(peer=peer, peers=peers, verify=verify, identity=identity, entropy=entropy, refusals=refusals)
        sets_aside = SetAside("sets", clock=clock, events=self.events)
        compare = Compare(
            store=store,
            identity=identity,
            peer=peer,
            peers=peers,
            directory=directory,
            messages=messages,
            ask=ask,
            refusals=refusals,
            set_aside=sets_aside.set_aside_once,
        )
        mend = MendSets(
            store=store,
            engine=engine,
            identity=identity,
            directory=directory,
            trail=audit,
            entropy=entropy,
            ask=ask,
            refusals=refusals,
        )
        membership = MembershipWorker(store=store, mend=mend, region=s.region, wake_outbox=outbox.wake, aside=sets_aside)
        comparing = CompareWorker(
            compare=compare,
            regions=tuple(peers),
            store=store,
            seconds=s.limits.compare_seconds,
            wake_outbox=outbox.wake,
            events=self.events,
        )
        outbox.on_healed = comparing.wake
        self._metrics(outbox, policies)
        replication = ReplicationServer(
            peers=peers,
            engine=engine,
            prepare=prepare,
            prepare_handover=prepare_handover,
            messages=messages,
            compare=compare,
            answers=answers,
            identity=identity,
            clock=clock,
            events=self.events,
            refusals=refusals,
        )
        await outbox.drop_unsendable()
        await self._listen(pipeline, replication, identify, unauthenticated)
        reservations = ReservationWorker(
            store=store,
            peer=peer,
            directory=directory,
            trail=audit,
            clock=clock,
            after_seconds=s.limits.reservation_seconds,
            events=self.events,
        )
        for job in (
            Job("change feed", directory.read_changes, READING_SECONDS, URGENT_SECONDS),
            Job("audit shipping", audit.ship, SHIPPED_SECONDS, URGENT_SECONDS),
            Job("audit log", self.stream.probe, SHIPPED_SECONDS, URGENT_SECONDS),
            Job("security events", partial(self.events.tell, self.stream.append), TOLD_SECONDS, URGENT_SECONDS),
            Job("transport keys", partial(self._renew_transport_keys, engine), TRANSPORT_KEY_SECONDS, PATIENT_SECONDS),
            *outbox.jobs(),
            reservations.job(),
            membership.job(),
            usage.job(),
            *comparing.jobs(),
            schedule.job(),
            rewrap.job(),
            policies.job(),
            PruneWorker(store=store, limits=s.limits).job(),
            self._files.job(),
            CertificateExpiry(self.identity.certificates, clock, self._registry).job(),
            ClockWatch(clock, self.events).job(),
        ):
            self.supervisor.run(job)
        self.supervisor.serve("wrapping keys", wrapping_keys.refill())
        self.supervisor.serve("supervisor", self.supervisor.watch())
        self._stack.push_async_callback(self._write_usage)
        for aside in (outbox.aside, reservations.aside, schedule.aside, rewrap.aside, sets_aside):
            self._registry.register(aside)
        self._registry.register(self.supervisor)

    def _peer(self, peers: Mapping[str, PeerRegion], engine: InProcessCryptoEngine, refusals: Refusals) -> GrpcRegionPeer:
        peer = GrpcRegionPeer(peers, engine, self._clock, self.identity.peer.files, refusals, is_denied=self.identity.principals.is_denied)
        self.identity.peer.on_change = peer.use
        self._stack.push_async_callback(peer.close)
        return peer

    def _metrics(self, outbox: OutboxWorker, policies: PolicyFilesWorker) -> None:
        self._registry.register(PolicySetMetrics(policies, self._clock))
        lag = LoopLag(self._clock, self._settings.limits.loop_lag_look_seconds)
        self._registry.register(lag)
        self.supervisor.serve("loop lag", lag.run())
        for name, text, read in (
            ("meridian_audit_records", "Durable audit records.", lambda: self.stream.records),
            ("meridian_audit_syncs", "Syncs of the audit file.", lambda: self.stream.syncs),
            ("meridian_database_transactions", "Transactions and readings begun.", lambda: self.store.statements),
            ("meridian_database_connections_busy", "Connections to PostgreSQL at work.", lambda: self.store.connections_busy),
            ("meridian_database_connections_lost", "Connections to PostgreSQL given up.", lambda: self.store.connections_lost),
            ("meridian_policy_parses", "Policy sets parsed.", lambda: self.authorizer.parses),
            ("meridian_outbox_deliveries", "Deliveries to other Regions that were taken.", lambda: outbox.deliveries),
            ("meridian_outbox_failures", "Tries of deliveries that failed.", lambda: outbox.failures),
            ("meridian_heavy_work_waiting", "Work that waits for a thread beside the event loop.", lambda: self.heavy.waiting),
            ("meridian_heavy_work_refused", "Such work that was refused, or waited for too long.", lambda: self.heavy.refused),
            ("meridian_separate_processes_started", "Processes started for such work.", lambda: self.held.started),
            ("meridian_material_unwraps", "Wrapped material rows opened.", lambda: self.engine.unwraps),
        ):
            Gauge(name, text, registry=self._registry).set_function(read)

    async def _listen(
        self, pipeline: Pipeline, replication: ReplicationServer, identify: Authenticate, unauthenticated: Unauthenticated
    ) -> None:
        s = self._settings
        budgets = self._budgets()
        server = make_server(
            served_rpcs(),
            pipeline.walk,
            self._clock,
            self._entropy,
            limits=s.limits,
            reflected=s.reflection,
            identify=identify,
            unauthenticated=unauthenticated,
            events=self.events,
            connections=budgets["grpc"],
        )
        health = health_aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        peer_certificates = PeerCertificates(self.identity.peer.check, self.identity.principals, self._clock, self.events)
        peer_server = make_peer_server(replication, budgets["peer"], [peer_certificates])
        with naming("grpc.listen"):
            listen(server, s.grpc.listen, self.identity.grpc.tls.credentials)
        with naming("peer.listen"):
            listen(peer_server, s.peer.listen, self.identity.peer.tls.credentials)
        self._servers = [server, peer_server]
        for each in self._servers:
            await each.start()
        await health.set("", health_pb2.HealthCheckResponse.SERVING)
        self._listen_http(AdminApp(self._registry, self._troubles), "admin", s.admin, budgets)
        if s.aws is not None:
            wire = AwsWire(
                rpcs(),
                pipeline.walk,
                self._clock,
                self._entropy,
                limits=s.limits,
                is_secure=s.aws.tls is not None,
                identify=identify,
                unauthenticated=unauthenticated,
                events=self.events,
            )
            application: Application = wire
            if s.development:
                application = WithDevState(wire, identify, unauthenticated, self._clock, self._entropy, self._empty)
            self._listen_http(application, "aws", s.aws, budgets)
        self._registry.register(HttpMetrics(self._http))

    def _budgets(self) -> dict[str, int]:
        """Connections per listener; the operator hears of it where they are fewer than he asked for."""
        s = self._settings
        wanted = {"grpc": s.grpc.connections, "peer": s.peer.connections, "admin": s.admin.connections}
        wanted |= {"aws": s.aws.connections} if s.aws is not None else {}
        open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        budgets = fitting(wanted, open_files)
        if budgets != wanted:
            log = structlog.get_logger("meridian.bootstrap")
            log.warning("too few open files for the connections of the settings", open_files=open_files, wanted=wanted, given=budgets)
        return budgets

    def _listen_http(self, application: Application, name: str, listener: HttpSettings, budgets: Mapping[str, int]) -> None:
        aws = listener if isinstance(listener, AwsSettings) else None
        bounds = ConnectionBounds(
            connections=budgets[name],
            head_seconds=listener.head_seconds,
            body_seconds=aws.body_seconds if aws is not None else listener.head_seconds,
            idle_seconds=listener.idle_seconds,
            body_bytes=self._settings.limits.request_bytes if aws is not None else 0,
            arriving_bytes=max(ARRIVING_BYTES_MAX, self._settings.limits.request_bytes),
        )
        server = HttpServer(
            application,
            name=name,
            bounds=bounds,
            tls=self.identity.aws.tls.context if aws is not None and self.identity.aws is not None else None,
            trusted_proxies=aws.trusted_proxies if aws is not None else (),
            events=self.events,
        )
        self._http.append(server)
        with naming(f"{name}.listen"):
            listening = listening_socket(listener.listen)
        self.supervisor.serve(f"{name} listener", server.serve(listening))

    def _troubles(self) -> list[str]:
        """Why a call would not work now, a line each; empty while the Region is ready."""
        starting = [] if self._ready else ["not started, or stopping"]
        checked = [trouble for trouble in (check() for check in self._checks) if trouble]
        return [*starting, *checked, *(self._supervisor.troubles() if self._supervisor is not None else [])]

    async def _empty(self, principal: Principal, address: str) -> None:
        await self._audit.record_dev_state_deletion(principal, address)
        async with self.store.transaction() as uow:
            await uow.region.empty()
        await self._directory.read_changes()

    async def _renew_transport_keys(self, engine: InProcessCryptoEngine) -> None:
        await engine.renew_transport_keys(self.store, self._clock.now())

    async def _write_usage(self) -> None:
        with Setbacks("writing of last uses at the end").expected(KmsError):
            await self._usage.write()
