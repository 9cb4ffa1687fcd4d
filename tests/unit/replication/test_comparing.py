"""Comparing costs whoever is asked, and whoever asks, no more than it is worth: no writer waits for a question, and no round is endless."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from tests.region_in_process import ACCOUNT, KEY_ID, InProcessRegion, regions, template

from meridian.adapters.entropy_os import OsEntropy
from meridian.administration import other_regions
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.domain.multi_region import Member, MemberStatus, RowStatus, SetMaterial, SetRow, SetState, Stamp, Term
from meridian.domain.peer_message import SetComparison, SetDigest, SetShown
from meridian.replication.compare import DIGESTS_PER_CALL, DIGESTS_PER_ROUND, QUESTIONS_PER_ROUND, Compare
from meridian.transport.peer_rate import CALLS_BURST
from meridian.workers import compare_regions
from meridian.workers.compare_regions import CompareWorker

HOME, AWAY = "us-east-1", "eu-west-1"
UNKNOWN = Stamp(Term(0, "", 0), 0)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return template(tmp_path_factory.mktemp("empty"))


def run(tmp_path: Path, empty: Path, test: Callable[[InProcessRegion, InProcessRegion], Awaitable[None]]) -> None:
    async def two() -> None:
        network = await regions(tmp_path, [HOME, AWAY], empty)
        home, away = (network.regions[name] for name in (HOME, AWAY))
        try:
            await asyncio.wait_for(test(home, away), 120)
        finally:
            await asyncio.gather(*[region.store.close() for region in (home, away)])

    asyncio.run(two())


def digest(number: int, *, key_id: str = "", serial: str = "c" * 64) -> SetDigest:
    return SetDigest(ACCOUNT, key_id or f"mrk-{number:032x}", serial, UNKNOWN, b"x" * 32, False, "d" * 64, b"")


def count_transactions(region: InProcessRegion, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    begun: list[int] = []
    transaction = region.store.transaction

    @asynccontextmanager
    async def counted() -> AsyncIterator[Any]:
        begun.append(1)
        async with transaction() as uow:
            yield uow

    monkeypatch.setattr(region.store, "transaction", counted)
    return begun


def test_a_question_about_sets_that_are_not_here_opens_no_transaction(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(home: InProcessRegion, away: InProcessRegion) -> None:
        begun = count_transactions(home, monkeypatch)
        answers = await home.compare.answer(home.peers[AWAY], 0, [digest(n) for n in range(DIGESTS_PER_CALL)])
        assert [each.is_gone for each in answers] == [True] * DIGESTS_PER_CALL
        assert begun == []

    run(tmp_path, empty, test)


def test_a_set_that_changes_while_it_is_compared_makes_no_database_old(
    tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other Region then shows what this one has signed after it read what it compares."""

    async def test(home: InProcessRegion, away: InProcessRegion) -> None:
        await home.create()
        await home.replicate(away)
        for _ in range(3):
            await home.work()
            await away.work()
        compare, before = home.line.compare, await home.row()

        async def overtaken(region: str, incarnation: int, digests: list[SetDigest]) -> Any:
            monkeypatch.setattr(home.line, "compare", compare)  # once, and not in what the rotation's own round compares
            await home.rotate()
            await home.work()
            return await compare(region, incarnation, digests)

        monkeypatch.setattr(home.line, "compare", overtaken)
        await home.compare.with_region(AWAY)
        after, there = await home.row(), await away.row()
        stamps = [row.view.stamp for row in (before, after, there) if row is not None and row.view is not None]
        assert stamps[0] < stamps[1] == stamps[2], "the change was delivered meanwhile"
        assert home.events.reported == [], "nobody has said anything wrong"

    run(tmp_path, empty, test)


def test_a_generation_that_is_quoted_and_not_shown_makes_no_set_wait_for_it(
    tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator's `rejoin` is for sets that a signed state has shown to go on elsewhere."""

    async def test(home: InProcessRegion, away: InProcessRegion) -> None:
        await home.create()
        await home.replicate(away)
        for _ in range(3):
            await home.work()
            await away.work()
        before = await home.row()

        async def quoted(region: str, incarnation: int, digests: list[SetDigest]) -> list[SetComparison]:
            return [SetComparison(Stamp(Term(99, AWAY, 0), 0)) for _ in digests]

        monkeypatch.setattr(home.line, "compare", quoted)
        await home.compare.with_region(AWAY)
        assert await home.row() == before
        assert await other_regions.rejoin(home.store, OsEntropy(), AWAY) == 0
        assert await home.row() == before

    run(tmp_path, empty, test)


def test_writers_go_on_while_a_question_is_answered(tmp_path: Path, empty: Path) -> None:
    async def test(home: InProcessRegion, away: InProcessRegion) -> None:
        asked = asyncio.Event()

        @asynccontextmanager
        async def slow() -> AsyncIterator[Any]:
            async with reading() as uow:
                yield uow
                asked.set()
                await written.wait()

        reading, home.store.reading = home.store.reading, slow  # type: ignore[method-assign]  # a database that is slow in the midst
        written = asyncio.Event()
        asking = asyncio.ensure_future(home.compare.answer(home.peers[AWAY], 0, [digest(1)]))
        await asyncio.wait_for(asked.wait(), 20)
        async with home.store.transaction() as uow:
            await uow.inbox.learn_incarnation(AWAY, 0)
        assert not asking.done()
        written.set()
        await asking

    run(tmp_path, empty, test)


def test_a_member_that_is_behind_is_still_sent_the_state(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(home: InProcessRegion, away: InProcessRegion) -> None:
        await home.create()
        await home.replicate(away)
        async with home.store.transaction() as uow:
            for entry in await uow.outbox.claim_due(AWAY, now=home.clock.now(), lease_owner="x", lease_seconds=1, limit=16):
                await uow.outbox.delivered(entry)
        row = await home.row()
        assert row is not None
        assert row.view is not None
        member = row.view.find_member(AWAY)
        assert member is not None
        earlier = SetDigest(ACCOUNT, KEY_ID, member.serial, row.view.stamp._replace(version=0), b"x" * 32, False, row.serial, b"")
        begun = count_transactions(home, monkeypatch)
        await home.compare.answer(home.peers[AWAY], 0, [earlier, digest(7)])
        assert len(begun) == 1
        async with home.store.transaction() as uow:
            due = await uow.outbox.claim_due(AWAY, now=home.clock.now(), lease_owner="x", lease_seconds=1, limit=16)
        assert [entry.key_id for entry in due] == [KEY_ID]

    run(tmp_path, empty, test)


async def found_sets(home: InProcessRegion, count: int) -> list[str]:
    """Sets of which the home Region is primary and the other one a member."""
    names = [f"mrk-{number:032x}" for number in range(count)]
    members = (Member(AWAY, "a" * 64, MemberStatus.ON), Member(HOME, "b" * 64, MemberStatus.ON))
    state = SetState(Term(0, HOME, 0), 1, HOME, HOME, members, (SetMaterial("1" * 64, 0),), "1" * 64)
    role = MultiRegionRole(HOME, (AWAY,))
    async with home.store.transaction() as uow:
        for name in names:
            key = Key(
                "aws", HOME, ACCOUNT, name, KeySpec.SYMMETRIC_DEFAULT, KeyUsage.ENCRYPT_DECRYPT, Origin.AWS_KMS, KeyState.ENABLED,
                home.clock.now(), multi_region=role,
            )  # fmt: skip
            await uow.keys.insert(key)
            await uow.key_sets.insert(SetRow(ACCOUNT, name, RowStatus.LIVE, "b" * 64, state))
    return names


class Answering:
    """Another Region's side of the line: what it was asked about, and an answer to everything."""

    def __init__(self, *, quotes: int = 0, silent: bool = False) -> None:
        self.quotes, self.silent = quotes, silent
        self.compared: list[str] = []
        self.shown: list[str] = []

    async def compare(self, region: str, incarnation: int, digests: list[SetDigest]) -> list[SetComparison]:
        self.compared += [each.key_id for each in digests]
        return [SetComparison(each.stamp._replace(version=each.stamp.version + self.quotes)) for each in digests]

    async def get_set(self, region: str, account: str, key_id: str, incarnation: int, *, is_reconciling: bool) -> SetShown:
        self.shown.append(key_id)
        if self.silent:
            await asyncio.Event().wait()
        return SetShown(RowStatus.NONE, "", b"", b"", (), frozenset(), False, "", frozenset(), "")


def answered_by(home: InProcessRegion, peer: Answering) -> Compare:
    home.compare._peer = home.compare._ask._peer = cast(Any, peer)
    return home.compare


def test_a_round_asks_about_few_quoted_states_and_the_next_goes_on_from_there(tmp_path: Path, empty: Path) -> None:
    async def test(home: InProcessRegion, away: InProcessRegion) -> None:
        names, peer = await found_sets(home, QUESTIONS_PER_ROUND + 3), Answering(quotes=1)
        compare = answered_by(home, peer)
        await compare.with_region(AWAY)
        assert peer.shown == names[:QUESTIONS_PER_ROUND]
        await compare.with_region(AWAY)
        assert peer.shown == names
        await compare.with_region(AWAY)
        assert peer.shown[len(names) :] == names[:QUESTIONS_PER_ROUND]

    run(tmp_path, empty, test)


def test_all_sets_are_compared_in_rounds_that_the_other_regions_rate_allows(tmp_path: Path, empty: Path) -> None:
    async def test(home: InProcessRegion, away: InProcessRegion) -> None:
        names, peer = await found_sets(home, DIGESTS_PER_ROUND + 5), Answering()
        compare = answered_by(home, peer)
        assert (await compare.with_region(AWAY)).is_cut_short
        assert peer.compared == names[:DIGESTS_PER_ROUND]
        assert not (await compare.with_region(AWAY)).is_cut_short
        assert peer.compared == names
        assert DIGESTS_PER_ROUND * 2 < CALLS_BURST

    run(tmp_path, empty, test)


def test_a_region_that_does_not_answer_delays_the_comparison_with_itself_alone(
    tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(home: InProcessRegion, away: InProcessRegion) -> None:
        await found_sets(home, 2)
        peer = Answering(quotes=1, silent=True)
        worker = CompareWorker(
            compare=answered_by(home, peer),
            regions=[AWAY, "ap-south-1"],
            store=home.store,
            seconds=60,
            wake_outbox=lambda: None,
            events=home.events,
        )
        jobs = {job.name: job for job in worker.jobs()}
        assert set(jobs) == {f"comparing {AWAY}", "comparing ap-south-1"}
        silent = asyncio.ensure_future(cast(Any, jobs[f"comparing {AWAY}"].once()))
        while not peer.shown:
            await asyncio.sleep(0.01)
        await jobs["comparing ap-south-1"].once()
        assert not silent.done()
        assert not await silent  # ends by itself, as a setback
        worker.wake()
        assert all(job.wake.is_set() for job in jobs.values())

    monkeypatch.setattr(compare_regions, "ROUND_SECONDS", 2.0)
    run(tmp_path, empty, test)
