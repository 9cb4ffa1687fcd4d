"""Regions inside a test's process: the real store, crypto engine, replication and workers; only the network between them is a plain
call, which a test can cut, repeat and delay."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.cache_memory import cache_memory
from tests.network_in_process import Network
from tests.reported_events import ReportedEvents

from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.store_sql.store import SqlStore
from meridian.administration import other_regions
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.domain.limits import Limits
from meridian.domain.multi_region import OperatorWord, RowStatus, SetRow
from meridian.domain.peers import PeerRegion
from meridian.engine.engine import EngineSurroundings, open_engine
from meridian.engine.seals import FileSeal
from meridian.errors import KmsError
from meridian.operations.store_keys import KeysInStores
from meridian.ports.security_events import SecurityEvent
from meridian.ports.store.region import RegionIdentity
from meridian.replication.answer_regions import AnswerRegions
from meridian.replication.change_sets import ChangeSets
from meridian.replication.compare import Compare, RestoredUnannounced
from meridian.replication.delete_key import Leave
from meridian.replication.other_regions import OtherRegions
from meridian.replication.publish import SetIssuer, SetPublisher, shared_materials, with_view
from meridian.replication.query_regions import AskRegions
from meridian.replication.receive import AfterCommit, ApplyMessages
from meridian.replication.recover_sets import MendSets
from meridian.replication.refusals import Refusals
from meridian.replication.resolve_places import ResolvePlaces
from meridian.replication.send import Dispatch
from meridian.replication.sets.state import SetRefusal, add_member, found_set, hand_over, reserve
from meridian.replication.verify_peer import Verify
from meridian.transport.peer_server import PreparedWalks
from meridian.workers.key_schedule import KeyScheduleWorker
from meridian.workers.operator_words import MembershipWorker
from meridian.workers.outbox import OutboxWorker
from meridian.workers.reservations import ReservationWorker
from meridian.workers.set_aside import SetAside

ACCOUNT, KEY_ID = "111122223333", "mrk-" + "0" * 31 + "1"
NAMES = {"A": "us-east-1", "B": "eu-west-1", "C": "ap-south-1"}
REQUEST = "request"


class LeapingClock:
    """Real time, some minutes later with each leap: what waits for a retry is due."""

    def __init__(self) -> None:
        self.leap = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.leap

    def monotonic(self) -> float:
        return self.now().timestamp()


class Unheard:
    """A trail and a key cache for tests that look at the store itself."""

    async def record(self, uow: Any, call: Any) -> None: ...
    async def record_service_event(self, uow: Any, event_name: str, key: Key, *, request_id: str, details: Any) -> None: ...
    async def record_synchronisation(self, uow: Any, account: str, key_id: str, properties: Any, *, request_id: str) -> None: ...
    def forget(self, account: str, key_id: str) -> None: ...


class KeptEvents:
    """Implements `ports.security_events.SecurityEvents`; keeps what was reported."""

    def __init__(self) -> None:
        self.reported: list[tuple[SecurityEvent, str, dict[str, str]]] = []

    def report(self, event: SecurityEvent, *, subject: str = "", **details: str) -> None:
        self.reported.append((event, subject, details))

    def report_fault(self, fault: BaseException, *, during: str) -> None:
        raise AssertionError(f"a fault that nobody foresaw during {during}") from fault

    def rules(self, subject: str) -> set[str]:
        """The rules by which something that this Region said was refused."""
        refused = [each for each in self.reported if each[0] is SecurityEvent.PEER_MESSAGE_REFUSED]
        return {details["rule"] for _, told, details in refused if told == subject}

    def signed_twice(self) -> set[str]:
        """The Regions that signed two states under one stamp."""
        return {told for event, told, _ in self.reported if event is SecurityEvent.SET_SIGNED_TWICE}


def unreadable(name: tuple[str, str], fault: BaseException) -> None:
    raise AssertionError(f"the rows of {name} cannot be read") from fault


class InProcessRegion:
    """One Region without listeners."""

    def __init__(self, folder: Path, name: str, network: Network) -> None:
        self.folder, self.name, self.network = folder, name, network
        self.clock = LeapingClock()
        self.peers: dict[str, PeerRegion] = {}
        self.events = KeptEvents()
        self.prepared: PreparedWalks | None = None
        """What other Regions ask for on a caller's behalf; without them nobody decides here."""

    async def open(self) -> None:
        """Open the database as it is, made first where there is none."""
        self.store = SqlStore.connect(f"sqlite:///{self.folder}/region.sqlite3")
        async with self.store.transaction() as uow:
            identity = await uow.region.identity()
            if identity is None:
                identity = RegionIdentity("deployment", "aws", self.name, 0, self.clock.now())
                await uow.region.initialise(identity)
        self.identity = identity
        self.engine = await open_engine(
            self.store,
            identity,
            [FileSeal(self.folder / "seal")],
            EngineSurroundings(self.clock, OsEntropy(), ReportedEvents(), cache_memory()),
        )

    def wire(self) -> None:
        """Connect the parts, once every Region's fingerprint is known."""
        everybody = {**self.network.regions, **self.network.hostile}
        peers = {name: region for name, region in everybody.items() if name != self.name}
        self.peers = {
            name: PeerRegion(name, "", "", region.engine.envelopes.transport_fingerprint(), frozenset({ACCOUNT}))
            for name, region in peers.items()
        }
        line = self.line = self.network.line_of(self.name)
        unheard: Any = Unheard()
        self.trail = unheard
        store, engine, identity, clock, entropy = self.store, self.engine, self.identity, self.clock, OsEntropy()
        verify = Verify(envelopes=engine.envelopes, identity=identity, peers=self.peers)
        issuer = self.issuer = SetIssuer(engine.envelopes, unheard, identity)
        others = OtherRegions(line, frozenset(peers))
        self.refusals = Refusals(self.events)
        told: dict[str, Any] = {"refusals": self.refusals}
        self.messages = ApplyMessages(
            store=store,
            sets=ChangeSets(issuer, clock, 0.001),
            verify=verify,
            clock=clock,
            after_commit=AfterCommit(unheard, lambda: None),
            **told,
        )
        self.places = ResolvePlaces(store, engine.serials, **told)
        self.answers = AnswerRegions(store=store, envelopes=engine.envelopes, identity=identity, peer=line, clock=clock, **told)
        ask = AskRegions(others=others, verify=verify, identity=identity, entropy=entropy, clock=clock, **told)
        self.compare = Compare(
            store=store,
            identity=identity,
            peer=line,
            peers=self.peers,
            directory=unheard,
            messages=self.messages,
            ask=ask,
            **told,
            set_aside=unreadable,
        )
        mend = MendSets(store=store, issuer=issuer, directory=unheard, entropy=entropy, ask=ask, **told)
        sets_aside = SetAside("sets", clock=clock, events=self.events)
        self.membership = MembershipWorker(
            store=store, mend=mend, region=self.name, wake_outbox=lambda: None, aside=sets_aside, clock=clock
        )
        dispatch = Dispatch(identity=identity, envelopes=engine.envelopes, peer=line, clock=clock)
        self.outbox = OutboxWorker(
            store=store, dispatch=dispatch, clock=clock, entropy=entropy, owner="one", regions=tuple(peers), events=self.events
        )
        self.publisher = SetPublisher(issuer, lambda: None)
        self.schedule = KeyScheduleWorker(
            store=store,
            symmetric_keys=engine.symmetric_keys,
            directory=unheard,
            trail=unheard,
            publisher=self.publisher,
            leave=Leave(identity=identity, trail=unheard),
            entropy=entropy,
            limits=Limits(),
            clock=clock,
            events=self.events,
            in_stores=KeysInStores(store, {}, {}),
        )
        self.reservations = ReservationWorker(
            store=store,
            peer=line,
            directory=unheard,
            trail=unheard,
            clock=clock,
            regions=tuple(peers),
            after_seconds=0.0,
            events=self.events,
        )

    async def resolve_places(self) -> None:
        """A round of asking each Region about its places."""
        await asyncio.gather(*[job.once() for job in self.reservations.jobs()])

    # ---- what is here

    async def row(self) -> SetRow | None:
        async with self.store.reading() as uow:
            return await uow.key_sets.find(ACCOUNT, KEY_ID)

    async def key(self) -> Key | None:
        async with self.store.reading() as uow:
            return await uow.keys.find(ACCOUNT, KEY_ID)

    async def acts(self) -> bool:
        row = await self.row()
        return row is not None and row.acts_as_primary(self.name)

    # ---- what callers do

    async def create(self) -> None:
        role = MultiRegionRole(self.name)
        bare = Key(
            "aws", self.name, ACCOUNT, KEY_ID, KeySpec.SYMMETRIC_DEFAULT, KeyUsage.ENCRYPT_DECRYPT, Origin.AWS_KMS, KeyState.ENABLED,
            self.clock.now(), multi_region=role,
        )  # fmt: skip
        key = bare.with_material(self.engine.symmetric_keys.new_material(bare, None), current=True)
        async with self.store.transaction() as uow:
            await uow.keys.insert(key)
            await uow.key_sets.insert(
                found_set(
                    ACCOUNT, KEY_ID, self.name, self.engine.serials.membership_serial(ACCOUNT, KEY_ID, self.name), shared_materials(key)
                )
            )

    async def replicate(self, target: InProcessRegion) -> None:
        """Both halves of ReplicateKey; the second is not reached when `target` is cut off after the first."""
        if not await self.acts() or frozenset((self.name, target.name)) in self.network.cut:
            return
        row, key = await self.row(), await self.key()
        there = await target.row()
        if row is None or row.view is None or key is None or key.state is not KeyState.ENABLED or row.view.find_member(target.name):
            return
        async with target.store.reading() as uow:
            if self.name in await uow.operator_words.regions(OperatorWord.LOST) or await target.key() is not None:
                return
        serial = self.engine.serials.membership_serial(ACCOUNT, KEY_ID, target.name)
        bare = replace(
            key, region=target.name, materials=(), current_material_id="", pending_material_id="", state=KeyState.CREATING, version=1,
            rotation=None, on_demand_started_at=None, on_demand_rotations=0,
        )  # fmt: skip
        try:
            reserved = reserve(there, ACCOUNT, KEY_ID, serial, self.name, REQUEST, self.clock.now())
        except SetRefusal:
            return
        async with target.store.transaction() as uow:
            await uow.keys.insert(bare)
            await (uow.key_sets.insert(reserved) if there is None else uow.key_sets.update(reserved))
        async with self.store.transaction() as uow:
            grown = add_member(row, self.name, target.name, serial)
            assert grown.view is not None
            await self.issuer.publish(uow, grown, grown.view, request_id=REQUEST, now=await uow.region.now())
            await uow.keys.update(with_view(key, grown.view))

    async def rotate(self) -> None:
        async with self.store.transaction() as uow:
            key, row = await uow.keys.find(ACCOUNT, KEY_ID), await uow.key_sets.find(ACCOUNT, KEY_ID)
            if key is None or row is None or not row.acts_as_primary(self.name) or key.on_demand_started_at or key.pending_material_id:
                return
            asked = replace(key, on_demand_started_at=await uow.region.now())
            stored = await uow.keys.update(asked)
            await self.publisher.key_changed(uow, key, stored, request_id=REQUEST, now=await uow.region.now())
        await self.schedule.settle_due()

    async def hand_over(self, target: InProcessRegion) -> None:
        there = await target.key()
        if frozenset((self.name, target.name)) in self.network.cut or there is None or there.state is not KeyState.ENABLED:
            return
        async with self.store.transaction() as uow:
            key, row = await uow.keys.find(ACCOUNT, KEY_ID), await uow.key_sets.find(ACCOUNT, KEY_ID)
            if key is None or row is None:
                return
            try:
                moved = hand_over(row, self.name, target.name)
            except SetRefusal:
                return
            assert moved.view is not None
            await self.issuer.publish(uow, moved, moved.view, request_id=REQUEST, now=await uow.region.now())
            await uow.keys.update(with_view(key, moved.view))

    async def delete(self) -> None:
        async with self.store.transaction() as uow:
            key, row = await uow.keys.find(ACCOUNT, KEY_ID), await uow.key_sets.find(ACCOUNT, KEY_ID)
            if key is None or row is None or row.view is None or row.status is not RowStatus.LIVE or row.view.primary == self.name:
                return
            ending = replace(key, state=KeyState.PENDING_DELETION, deletion_at=await uow.region.now())
            await uow.keys.update(ending)
        await self.schedule.settle_due()

    # ---- what operators and the Region itself do

    async def say(self, word: other_regions.Word, about: str = "") -> None:
        await word(self.store, OsEntropy(), about)

    async def work(self) -> None:
        """One round of every worker."""
        self.clock.leap += timedelta(minutes=1)
        await self.membership.settle()
        await self.schedule.settle_due()
        for region in self.peers:
            try:
                await self.compare.with_region(region)
            except RestoredUnannounced:
                raise AssertionError("a restore that was announced is found again") from None
            except KmsError:
                continue
        with contextlib.suppress(KmsError):
            await self.resolve_places()
        for region in self.peers:
            await self.outbox.send_due(region)

    async def send(self) -> None:
        self.clock.leap += timedelta(minutes=1)
        for region in self.peers:
            await self.outbox.send_due(region)

    def backup(self) -> None:
        shutil.copy(self.folder / "region.sqlite3", self.folder / "backup")
        wal = self.folder / "region.sqlite3-wal"
        (self.folder / "backup-wal").write_bytes(wal.read_bytes() if wal.exists() else b"")

    async def restore(self) -> None:
        await self.store.close()
        for each in self.folder.glob("region.sqlite3*"):
            each.unlink()
        shutil.copy(self.folder / "backup", self.folder / "region.sqlite3")
        shutil.copy(self.folder / "backup-wal", self.folder / "region.sqlite3-wal")
        await self.open()
        await self.say(other_regions.note_restored)
        await self.store.close()
        await self.open()
        self.wire()


async def regions(folder: Path, names: Sequence[str], empty: Path) -> Network:
    """Regions on databases of their own, connected."""
    network = Network()
    for name in names:
        place = folder / name
        place.mkdir()
        shutil.copy(empty, place / "region.sqlite3")
        (place / "seal").write_bytes(name.encode().ljust(32, b"s"))
        (place / "seal").chmod(0o600)
        network.regions[name] = InProcessRegion(place, name, network)
        await network.regions[name].open()
    for region in network.regions.values():
        region.wire()
    return network
