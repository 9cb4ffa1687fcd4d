"""Builds one Region from its settings, top to bottom. The only place where a concrete thing is chosen.

A configuration with a hole stops here, before anything listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import grpc
import structlog
import uvicorn
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from prometheus_client import CollectorRegistry, Gauge

from meridian.adapters.audit_file import AuditFile
from meridian.adapters.audit_stream import FileAuditStream
from meridian.adapters.clock_system import SystemClock
from meridian.adapters.engine_in_process import InProcessCryptoEngine, open_engine
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.import_key_pool import ImportKeyPool
from meridian.adapters.region_peer_grpc import GrpcRegionPeer
from meridian.adapters.security_events import ReportedSecurityEvents, log_event
from meridian.adapters.store_cache import CachedKeys
from meridian.adapters.store_sql.migrate import DatabaseAheadError, SchemaError, require_current, upgrade
from meridian.adapters.store_sql.store import SqlStore
from meridian.authentication.aws_signature import AwsSignatures
from meridian.authentication.client_certificate import ClientCertificates
from meridian.authorization.authorizer import Authorizer
from meridian.authorization.entities import Surroundings
from meridian.authorization.evaluator import PolicySyntaxError, SchemaHandle
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
from meridian.pipeline.validate import Validate
from meridian.ports.entropy import Entropy
from meridian.ports.security_events import SecurityEvent
from meridian.ports.store import Store, VersionConflict
from meridian.ports.store_rows import RegionIdentity
from meridian.replication.apply import ApplyMessages
from meridian.replication.ask import AnswerRegions, AskRegions
from meridian.replication.compare import Compare
from meridian.replication.dispatch import Dispatch
from meridian.replication.leave import Leave
from meridian.replication.mend import MendSets
from meridian.replication.prepare import ReserveReplica
from meridian.replication.publish import SetPublisher
from meridian.replication.succeed import AwaitRole
from meridian.replication.verify import Verify
from meridian.settings import FileSealSettings, Settings
from meridian.transport.admin_app import admin_app, http_server, listening_socket
from meridian.transport.aws_json.app import AwsWire, aws_app
from meridian.transport.aws_json.dev_state import dev_state_route
from meridian.transport.grpc_server import ListenError, listen, make_peer_server, make_server
from meridian.transport.peer_certificates import PeerCertificates
from meridian.transport.peer_server import ReplicationServer, add_replication_service
from meridian.workers.certificate_expiry import CertificateExpiry
from meridian.workers.clock_watch import ClockWatch
from meridian.workers.key_schedule import KeyScheduleWorker
from meridian.workers.membership import CompareWorker, MembershipWorker
from meridian.workers.outbox import OutboxWorker
from meridian.workers.policy_files import PolicyFilesWorker, PolicySetMetrics
from meridian.workers.reloaded_files import ReloadedFilesWorker
from meridian.workers.reservations import ReservationWorker
from meridian.workers.rewrap import RewrapWorker
from meridian.workers.usage import LastUsage

TRANSPORT_KEY_SECONDS: Final = 3600.0

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


def policy_folder() -> Path:
    """The policy schema and default policies that come with the package."""
    packaged = Path(str(files("meridian"))) / "policy"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "policy"


def schema_text() -> str:
    """The policy schema."""
    return (policy_folder() / "meridian.cedarschema").read_text()


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
                engine = await open_engine(store, identity, seals_of(settings), SystemClock(), OsEntropy())
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
            raise ValueError(f"the database belongs to {name} {getattr(stored, name)}, the settings say {value}")
    return stored


async def turn_keyring(settings: Settings, turn: Callable[[Store, Sequence[Seal], Entropy], Awaitable[int]]) -> int:
    """Turn a level of the Region's key hierarchy; the answer is the number of the new key. Raises: StartupError."""
    try:
        store = SqlStore.connect(settings.database)
        try:
            return await turn(store, seals_of(settings), OsEntropy())
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
        self._tasks: list[asyncio.Task[None]] = []
        self._servers: list[grpc.aio.Server] = []
        self._admin: uvicorn.Server | None = None
        self._aws: uvicorn.Server | None = None
        self._ready = False

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
        await asyncio.gather(*[server.stop(grace_seconds) for server in self._servers])
        for server in (self._aws, self._admin):
            if server is not None:
                server.should_exit = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    async def _start(self) -> None:
        s = self._settings
        with naming("database"):
            await _require_current(s.database)
        self.store = SqlStore.connect(s.database)
        self._stack.push_async_callback(self.store.close)
        identity = await _identity(self.store, s)
        self.events = ReportedSecurityEvents(identity=identity, clock=self._clock, entropy=self._entropy, registry=self._registry)
        self._usage = LastUsage(self.store, s.limits.usage_seconds)
        self.identity = Identity(s, self._clock)
        with naming("seals"):
            self.engine = await open_engine(self.store, identity, seals_of(s), self._clock, self._entropy)
        with naming("policies"):
            self.authorizer = self._authorizer()
        with naming("audit.directory"):
            self.stream = self._audit_stream(identity)
        self._stack.push_async_callback(self.stream.close)
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
        await audit.ship_once()
        directory = CachedKeys(self.store, self._clock, self.engine.forget)
        self._directory = directory
        await directory.start()
        await self._serve(identity, audit, directory)
        self._ready = True

    def _authorizer(self) -> Authorizer:
        s = self._settings
        text = schema_text()
        schema = SchemaHandle(text)
        require_sound_evaluator(schema)
        around = Surroundings(
            org_units={account: row.org_units for account, row in s.accounts.items()}, region_labels=self._region_labels()
        )
        authorizer = Authorizer(schema_text=text, source=load_policies(s.policies, schema), around=around, limits=s.limits)
        unknown = {r.action for rpc in served_rpcs().values() for r in rpc.requires} - set(authorizer.model.actions)
        if unknown:
            raise BindingError(f"permissions that the policy schema does not know: {', '.join(sorted(unknown))}")
        return authorizer

    def _region_labels(self) -> Mapping[str, tuple[str, ...]]:
        return {name: row.labels for name, row in self._settings.regions.items()}

    def _audit_stream(self, identity: RegionIdentity) -> FileAuditStream:
        s = self._settings.audit
        names = {"replica": self._settings.replica, "epoch": identity.incarnation, "region": identity.region}
        file = AuditFile.open(s.directory, stream=self._entropy.uuid(), now=self._clock.now(), reserve_bytes=s.reserve_bytes, names=names)
        return FileAuditStream(
            file,
            self._clock,
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
        peer = self._peer(peers, engine)
        outbox = OutboxWorker(
            store=store,
            dispatch=Dispatch(identity=identity, engine=engine, peer=peer, clock=clock),
            clock=clock,
            entropy=entropy,
            owner=f"{s.replica}-{os.getpid()}",
        )
        check = KeyPolicyCheck(self.authorizer, region=s.region, region_labels=labels)
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
        )
        rewrap = RewrapWorker(store=store, engine=engine, directory=directory, limits=s.limits)
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
            ),
            "aliases": Aliases(store=store, engine=engine, changes=changes, home=home, limits=s.limits),
            "tags": Tags(engine=engine, changes=changes, limits=s.limits),
            "grants": Grants(store=store, engine=engine, changes=changes, home=home, limits=s.limits),
            "key_stores": KeyStores(store=store, engine=engine, trail=audit, entropy=entropy, limits=s.limits),
            "key_policies": KeyPolicies(changes=changes, policy_check=check),
            "encryption": Encryption(engine),
            "data_keys": DataKeys(engine, store),
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
                entropy=entropy,
                wake_outbox=outbox.wake,
                updating_seconds=s.limits.updating_seconds,
            ),
            "imports": Imports(store=store, engine=engine, changes=changes, wrapping_keys=wrapping_keys, limits=s.limits),
            "rotation": Rotation(store=store, engine=engine, changes=changes, limits=s.limits, wake_schedule=schedule.wake),
        }
        telemetry = Telemetry(clock, self._registry)
        authorize = Authorize(self.authorizer, region=s.region, region_labels=labels)
        policies = PolicyFilesWorker(
            folder=s.policies,
            authorizer=self.authorizer,
            clock=clock,
            announce=audit.record_policy_set,
            seconds=s.limits.policy_look_seconds,
        )
        read_document = partial(
            ReadPolicyDocument, partition=s.partition, region=s.region, model=self.authorizer.model, services=s.services, limits=s.limits
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
            steps=(
                Authenticate(
                    principals, ClientCertificates(principals, self.identity.grpc.check), AwsSignatures(principals, region=s.region)
                ),
                Throttle(clock, s.throttle, served_rpcs()),
                *until_decided,
                authorize,
                read_document(frozenset({"CreateKey", "PutKeyPolicy"})),
                Admit(),
            ),
            operations=bind(served_rpcs(), services),
        )
        reserve = ReserveReplica(store=store, trail=audit, policy_check=check, clock=clock, limits=s.limits)
        prepared = Pipeline(
            telemetry=telemetry,
            audit=audit,
            steps=(
                OnBehalf(principals, peers, region=s.region),
                Validate(),
                ForeseeReplica(partition=s.partition, region=s.region),
                authorize,
                read_document(frozenset({REPLICATE_KEY})),
            ),
            operations={REPLICATE_KEY: reserve.reserve},
        )
        succeed = AwaitRole(store=store, directory=directory, trail=audit, updating_seconds=s.limits.updating_seconds)
        handed_over = Pipeline(
            telemetry=telemetry,
            audit=audit,
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
            day_seconds=s.limits.day_seconds,
        )
        compare = Compare(store=store, identity=identity, peer=peer, peers=peers, directory=directory, messages=messages)
        answers = AnswerRegions(store=store, engine=engine, identity=identity, peer=peer, clock=clock)
        ask = AskRegions(peer=peer, peers=peers, verify=verify, identity=identity, entropy=entropy)
        mend = MendSets(store=store, engine=engine, identity=identity, directory=directory, trail=audit, entropy=entropy, ask=ask)
        membership = MembershipWorker(store=store, mend=mend, region=s.region, wake_outbox=outbox.wake)
        comparing = CompareWorker(
            compare=compare, regions=tuple(peers), store=store, seconds=s.limits.compare_seconds, wake_outbox=outbox.wake
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
        )
        await self._listen(pipeline, replication)
        reservations = ReservationWorker(
            store=store,
            peer=peer,
            directory=directory,
            trail=audit,
            clock=clock,
            after_seconds=s.limits.reservation_seconds,
        )
        for work in (
            directory.follow(),
            audit.ship(),
            outbox.run(),
            reservations.run(),
            membership.run(),
            usage.run(),
            comparing.run(),
            schedule.run(),
            rewrap.run(),
            wrapping_keys.refill(),
            policies.run(),
            self._renew_transport_keys(engine),
            self.events.run(self.stream.append),
            self._files.run(),
            CertificateExpiry(self.identity.certificates, clock, self._registry).run(),
            ClockWatch(clock, self.events).run(),
        ):
            self._run(work)

    def _peer(self, peers: Mapping[str, PeerRegion], engine: InProcessCryptoEngine) -> GrpcRegionPeer:
        peer = GrpcRegionPeer(peers, engine, self._clock, self.identity.peer.files, is_denied=self.identity.principals.is_denied)
        self.identity.peer.on_change = peer.use
        self._stack.push_async_callback(peer.close)
        return peer

    def _metrics(self, outbox: OutboxWorker, policies: PolicyFilesWorker) -> None:
        self._registry.register(PolicySetMetrics(policies, self._clock))
        for name, text, read in (
            ("meridian_audit_records", "Durable audit records.", lambda: self.stream.records),
            ("meridian_audit_syncs", "Syncs of the audit file.", lambda: self.stream.syncs),
            ("meridian_database_transactions", "Transactions and readings begun.", lambda: self.store.statements),
            ("meridian_policy_parses", "Policy sets parsed.", lambda: self.authorizer.parses),
            ("meridian_outbox_deliveries", "Deliveries to other Regions that were taken.", lambda: outbox.deliveries),
            ("meridian_outbox_failures", "Tries of deliveries that failed.", lambda: outbox.failures),
            ("meridian_material_unwraps", "Wrapped material rows opened.", lambda: self.engine.unwraps),
        ):
            Gauge(name, text, registry=self._registry).set_function(read)

    async def _listen(self, pipeline: Pipeline, replication: ReplicationServer) -> None:
        s = self._settings
        server = make_server(
            served_rpcs(),
            pipeline.walk,
            self._clock,
            self._entropy,
            limits=s.limits,
            reflected=s.reflection,
        )
        health = health_aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        peer_certificates = PeerCertificates(self.identity.peer.check, self.identity.principals, self._clock, self.events)
        peer_server = make_peer_server([peer_certificates])
        add_replication_service(peer_server, replication)
        with naming("grpc.listen"):
            listen(server, s.grpc.listen, self.identity.grpc.tls.credentials)
        with naming("peer.listen"):
            listen(peer_server, s.peer.listen, self.identity.peer.tls.credentials)
        self._servers = [server, peer_server]
        for each in self._servers:
            await each.start()
        await health.set("", health_pb2.HealthCheckResponse.SERVING)
        self._admin = http_server(admin_app(self._registry, lambda: self._ready))
        with naming("admin.listen"):
            self._run(self._admin.serve([listening_socket(s.admin.listen)]))
        if s.aws is not None:
            wire = AwsWire(rpcs(), pipeline.walk, self._clock, self._entropy, limits=s.limits, is_secure=s.aws.tls is not None)
            aws, signatures = self.identity.aws, AwsSignatures(self.identity.principals, region=s.region)
            extra = [dev_state_route(signatures, self._clock, self.events, self._empty)] if s.development else None
            self._aws = http_server(aws_app(wire, extra), tls=aws.tls.context if aws is not None else None)
            with naming("aws.listen"):
                self._run(self._aws.serve([listening_socket(s.aws.listen)]))

    async def _empty(self, principal: Principal, address: str) -> None:
        await self._audit.record_dev_state_deletion(principal, address)
        async with self.store.transaction() as uow:
            await uow.region.empty()
        await self._directory.read_changes()

    async def _renew_transport_keys(self, engine: InProcessCryptoEngine) -> None:
        while True:
            with contextlib.suppress(KmsError):  # tried again in an hour; the newest key lives for days
                await engine.renew_transport_keys(self.store, self._clock.now())
            await asyncio.sleep(TRANSPORT_KEY_SECONDS)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))
