"""Comparing costs whoever is asked, and whoever asks, no more than it is worth: no writer waits for a question, and no round is endless."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.region_in_process import ACCOUNT, KEY_ID, InProcessRegion, regions, template

from meridian.domain.multi_region import Stamp, Term
from meridian.domain.peer_message import SetDigest
from meridian.replication.compare import DIGESTS_PER_CALL

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
    return SetDigest(ACCOUNT, key_id or f"mrk-{number:032x}", serial, UNKNOWN, b"x" * 32, False, "d" * 64)


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


def test_writers_go_on_while_a_question_is_answered(tmp_path: Path, empty: Path) -> None:
    async def test(home: InProcessRegion, away: InProcessRegion) -> None:
        asked = asyncio.Event()

        @asynccontextmanager
        async def slow() -> AsyncIterator[Any]:
            async with reading() as uow:
                yield uow
                asked.set()
                await written.wait()

        reading, home.store.reading = home.store.reading, slow  # type: ignore[method-assign]
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
        earlier = SetDigest(ACCOUNT, KEY_ID, member.serial, row.view.stamp._replace(version=0), b"x" * 32, False, row.serial)
        begun = count_transactions(home, monkeypatch)
        await home.compare.answer(home.peers[AWAY], 0, [earlier, digest(7)])
        assert len(begun) == 1
        async with home.store.transaction() as uow:
            due = await uow.outbox.claim_due(AWAY, now=home.clock.now(), lease_owner="x", lease_seconds=1, limit=16)
        assert [entry.key_id for entry in due] == [KEY_ID]

    run(tmp_path, empty, test)
