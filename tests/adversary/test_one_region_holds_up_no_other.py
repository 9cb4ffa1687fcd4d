"""A Region that is silent, or rows that cannot move, hold up nothing that others wait for: real stores, crypto and workers of several
Regions in this process, with only the network between them replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.databases import migrated_sqlite
from tests.network_in_process import Network
from tests.region_in_process import ACCOUNT, KEY_ID, InProcessRegion, regions

from meridian.administration import other_regions as words
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.domain.multi_region import Member, MemberStatus, OperatorWord, RowStatus, SetMaterial, SetRow, SetState, Term
from meridian.errors import DependencyTimeoutException
from meridian.replication.publish import HELD
from meridian.replication.sets.state import reserve
from meridian.workers.key_schedule import KEYS_PER_LOOK
from meridian.workers.reservations import ROWS_PER_LOOK

A, B, SILENT = "us-east-1", "eu-west-1", "ca-central-1"


@pytest.fixture(scope="module")
def empty() -> Path:
    return migrated_sqlite()


async def three(folder: Path, empty: Path) -> tuple[Network, InProcessRegion, InProcessRegion, InProcessRegion]:
    network = await regions(folder, [A, B, SILENT], empty)
    return network, network.regions[A], network.regions[B], network.regions[SILENT]


def run(steps: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(steps, 120))


def bare(region: InProcessRegion, key_id: str, state: KeyState, primary: str) -> Key:
    role = MultiRegionRole(primary, (region.name,))
    return Key(
        "aws", region.name, ACCOUNT, key_id, KeySpec.SYMMETRIC_DEFAULT, KeyUsage.ENCRYPT_DECRYPT, Origin.AWS_KMS, state,
        region.clock.now(), multi_region=role,
    )  # fmt: skip


def number(n: int) -> str:
    return f"mrk-{n + 100:032x}"


# ---- places


async def reserve_for(region: InProcessRegion, key_id: str, serial: str, prepared_by: str, minutes: int) -> None:
    async with region.store.transaction() as uow:
        await uow.keys.insert(bare(region, key_id, KeyState.CREATING, prepared_by))
        since = region.clock.now() - timedelta(minutes=minutes)
        await uow.key_sets.insert(reserve(None, ACCOUNT, key_id, serial, prepared_by, "r", since))


def test_places_of_a_silent_region_keep_no_other_place(tmp_path: Path, empty: Path) -> None:
    async def steps() -> None:
        network, a, b, _ = await three(tmp_path, empty)
        network.cut.add(frozenset((B, SILENT)))
        for n in range(ROWS_PER_LOOK + 5):
            await reserve_for(b, number(n), "b" * 64, SILENT, 10)
        await reserve_for(b, KEY_ID, a.engine.serials.membership_serial(ACCOUNT, KEY_ID, B), A, 5)
        await b.resolve_places()
        row = await b.row()
        assert row is not None
        assert row.status is RowStatus.NONE, "the place whose ReplicateKey was never committed is free again"

    run(steps())


def test_places_that_a_region_cannot_tell_of_keep_no_other_place_of_its_own(tmp_path: Path, empty: Path) -> None:
    async def steps() -> None:
        _, a, b, _ = await three(tmp_path, empty)
        for n in range(ROWS_PER_LOOK + 5):
            await reserve_for(b, number(n), "b" * 64, A, 10)  # A refuses to speak of what it never made
        await reserve_for(b, KEY_ID, a.engine.serials.membership_serial(ACCOUNT, KEY_ID, B), A, 5)
        for _ in range(2):
            b.clock.leap += timedelta(milliseconds=1)
            await b.resolve_places()
        row = await b.row()
        assert row is not None
        assert row.status is RowStatus.NONE
        async with b.store.reading() as uow:
            waiting = await uow.key_sets.find(ACCOUNT, number(0))
        assert waiting is not None
        assert waiting.status is RowStatus.RESERVED, "no news frees no place"

    run(steps())


def test_places_are_asked_about_again_and_again_while_a_region_takes_its_time(
    tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def steps() -> None:
        _, a, b, _ = await three(tmp_path, empty)
        line: Any = b.line
        real, asked = line.resolve, asyncio.Event()

        async def ask(target: str, *args: Any) -> Any:
            if target == SILENT:
                asked.set()
                await asyncio.Event().wait()
            return await real(target, *args)

        monkeypatch.setattr(line, "resolve", ask)
        jobs = {job.name: job for job in b.reservations.jobs()}
        await reserve_for(b, number(0), "b" * 64, SILENT, 10)
        waiting = asyncio.ensure_future(jobs[f"reservations {SILENT}"].once())
        await asyncio.wait_for(asked.wait(), 10)
        await reserve_for(b, KEY_ID, a.engine.serials.membership_serial(ACCOUNT, KEY_ID, B), A, 5)
        await asyncio.wait_for(jobs[f"reservations {A}"].once(), 10)
        row = await b.row()
        assert row is not None
        assert row.status is RowStatus.NONE, "reserved after the other was asked, and free before it answers"
        waiting.cancel()

    run(steps())


def test_a_round_of_asking_a_slow_region_ends(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps() -> None:
        _, _, b, _ = await three(tmp_path, empty)
        line: Any = b.line

        async def ask(*_: Any) -> bool:
            b.clock.leap += timedelta(seconds=3.7)
            return True

        monkeypatch.setattr(line, "resolve", ask)
        for n in range(ROWS_PER_LOOK):
            await reserve_for(b, number(n), "b" * 64, SILENT, 10)
        began = b.clock.monotonic()
        await b.reservations.resolve_of(SILENT)
        assert b.clock.monotonic() - began < 30

    run(steps())


# ---- keys that may not leave yet


async def make_key_that_cannot_leave(region: InProcessRegion, key_id: str) -> None:
    """A replica past its waiting period that has something to tell a Region which never takes it."""
    now = region.clock.now()
    members = (Member(SILENT, "a" * 64, MemberStatus.ON), Member(region.name, "b" * 64, MemberStatus.ON))
    view = SetState(Term(0, SILENT, 0), 1, SILENT, SILENT, members, (SetMaterial("1" * 64, 0),), "1" * 64)
    key = replace(bare(region, key_id, KeyState.PENDING_DELETION, SILENT), deletion_at=now - timedelta(days=1))
    async with region.store.transaction() as uow:
        await uow.keys.insert(key)
        await uow.key_sets.insert(SetRow(account=ACCOUNT, key_id=key_id, status=RowStatus.LIVE, serial="b" * 64, view=view))
        await uow.outbox.put(HELD, SILENT, ACCOUNT, key_id, request_id="r", now=now)


def test_keys_that_may_not_leave_yet_keep_no_other_key_from_its_time(tmp_path: Path, empty: Path) -> None:
    async def steps() -> None:
        _, _, b, _ = await three(tmp_path, empty)
        for n in range(KEYS_PER_LOOK + 5):
            await make_key_that_cannot_leave(b, number(n))
        healthy = replace(bare(b, "mrk-" + "f" * 32, KeyState.PENDING_DELETION, B), multi_region=None, deletion_at=b.clock.now())
        async with b.store.transaction() as uow:
            await uow.keys.insert(healthy)
        await b.schedule.settle_due()
        await b.schedule.settle_due()
        async with b.store.reading() as uow:
            assert await uow.keys.find(ACCOUNT, healthy.key_id) is None, "what is due is done"
            assert await uow.keys.find(ACCOUNT, number(0)) is not None, "what others have not heard of stays"
            assert await uow.keys.find(ACCOUNT, number(KEYS_PER_LOOK)) is not None

    run(steps())


# ---- sets that wait for a Region


async def settle(*members: InProcessRegion) -> None:
    for _ in range(3):
        for region in members:
            await region.work()


def unanswered(region: InProcessRegion, method: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """From now on the silent Region leaves this question of the given one unanswered; the list grows by each time it was put."""
    line: Any = region.line
    real, asked = getattr(line, method), []

    async def ask(target: str, *args: Any, **named: Any) -> Any:
        if target == SILENT:
            asked.append(target)
            raise DependencyTimeoutException(f"Region {target} did not answer.")
        return await real(target, *args, **named)

    monkeypatch.setattr(line, method, ask)
    return asked


def test_who_shows_material_and_never_gives_it_keeps_no_restored_region_stale(
    tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def steps() -> None:
        _, a, b, silent = await three(tmp_path, empty)
        await a.create()
        await a.replicate(b)
        await a.replicate(silent)
        await settle(a, b, silent)
        b.backup()
        await a.rotate()
        await settle(a, b, silent)
        await b.restore()
        asked = unanswered(b, "get_materials", monkeypatch)
        await b.membership.settle()
        row, ahead = await b.row(), await a.key()
        assert asked, "the silent Region is asked, and first"
        assert row is not None
        assert not row.stale
        key = await b.key()
        assert key is not None
        assert ahead is not None
        assert {m.material_id for m in key.materials if m.is_present} == {m.material_id for m in ahead.materials}

    run(steps())


async def copy_set(region: InProcessRegion, key_id: str) -> None:
    """One more set of the Region like the first; what its signatures say is of no consequence here."""
    row, key = await region.row(), await region.key()
    assert row is not None
    assert key is not None
    async with region.store.transaction() as uow:
        await uow.keys.insert(replace(key, key_id=key_id, version=1, materials=(), current_material_id=""))
        await uow.key_sets.insert(replace(row, key_id=key_id, version=1))


def test_a_silent_region_is_asked_once_a_round_however_many_sets_wait(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps() -> None:
        _, a, b, silent = await three(tmp_path, empty)
        await a.create()
        await a.replicate(b)
        await settle(a, b, silent)
        await a.say(words.note_restored)
        for n in range(20):
            await copy_set(a, number(n))
        asked = unanswered(a, "get_set", monkeypatch)
        await a.membership.settle()
        assert len(asked) == 1
        await a.membership.settle()
        assert len(asked) == 2, "the next round asks again"

    run(steps())


def test_a_word_about_a_silent_region_keeps_no_other_word_waiting_and_can_be_taken_back(tmp_path: Path, empty: Path) -> None:
    async def steps() -> None:
        network, a, b, silent = await three(tmp_path, empty)
        await a.create()
        await a.replicate(b)
        await a.replicate(silent)
        await settle(a, b, silent)
        for name in (B, SILENT):
            await a.say(words.asking(OperatorWord.DETACH), name)
        await a.membership.settle()
        network.cut.add(frozenset((A, SILENT)))
        for name in (SILENT, B):
            await a.say(words.asking(OperatorWord.TAKE_BACK), name)
        await a.membership.settle()
        row = await a.row()
        assert row is not None
        assert row.view is not None
        assert {m.region: m.status for m in row.view.members} == {
            A: MemberStatus.ON, B: MemberStatus.BACK, SILENT: MemberStatus.OFF,
        }  # fmt: skip
        assert await said(a) == {(OperatorWord.TAKE_BACK, SILENT)}, "not done, and tried again"
        await a.say(words.withdraw_lost, SILENT)
        assert await said(a) == set()
        await a.say(words.asking(OperatorWord.TAKE_BACK), SILENT)
        await a.say(words.asking(OperatorWord.DETACH), SILENT)
        assert await said(a) == {(OperatorWord.DETACH, SILENT)}, "the later word counts"

    run(steps())


async def said(region: InProcessRegion) -> set[tuple[OperatorWord, str]]:
    async with region.store.reading() as uow:
        return {(word, about) for word in OperatorWord for about in await uow.operator_words.regions(word)}
