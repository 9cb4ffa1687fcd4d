"""How often a reading goes to the driver's thread, and that what it reads is one state."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.databases import migrated_sqlite

from meridian.adapters.store_sql.sqlite_visits import VisitedConnection
from meridian.adapters.store_sql.store import SqlStore
from meridian.errors import KMSInternalException

ACCOUNT = "111122223333"
Story = Callable[[SqlStore, list[str]], Awaitable[None]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Story], None]:
    """Tells a story a store whose connections are open, and the visits from then on."""
    path = tmp_path / "region.sqlite3"
    shutil.copy(migrated_sqlite(), path)
    visits: list[str] = []
    original: Any = VisitedConnection._execute

    async def counted(self: VisitedConnection, work: Any, *arguments: Any, **options: Any) -> Any:
        visits.append(work.__name__)
        return await original(self, work, *arguments, **options)

    async def told(story: Story) -> None:
        store = SqlStore.connect(f"sqlite:///{path}")
        try:
            async with store.reading() as uow:
                await uow.region.last_change()
            async with store.transaction() as uow:
                await uow.region.last_change()
            visits.clear()
            await story(store, visits)
        finally:
            await store.close()

    monkeypatch.setattr(VisitedConnection, "_execute", counted)
    return lambda story: asyncio.run(told(story))


def connection_of(uow: Any) -> Any:
    """The connection that its repositories share."""
    return uow.keys._connection


def test_a_reading_goes_there_once_for_each_statement_and_once_to_end(run: Callable[[Story], None]) -> None:
    async def story(store: SqlStore, visits: list[str]) -> None:
        async with store.reading() as uow:
            assert await uow.keys.find(ACCOUNT, "absent") is None
            assert await uow.keys.find(ACCOUNT, "absent") is None
        assert visits == ["_visited", "_visited", "commit"]

    run(story)


def test_a_reading_that_asks_nothing_goes_nowhere(run: Callable[[Story], None]) -> None:
    async def story(store: SqlStore, visits: list[str]) -> None:
        async with store.reading():
            pass
        assert visits == []

    run(story)


def test_a_change_takes_its_lock_before_its_first_statement(run: Callable[[Story], None]) -> None:
    async def story(store: SqlStore, visits: list[str]) -> None:
        async with store.transaction():
            assert visits == ["_visited"]
            async with asyncio.timeout(5):
                async with store.reading() as beside:
                    await beside.region.last_change()

    run(story)


def test_a_reading_sees_one_state_whatever_is_committed_meanwhile(run: Callable[[Story], None]) -> None:
    async def story(store: SqlStore, _: list[str]) -> None:
        count = text("SELECT count(*) FROM key_tags")
        async with store.reading() as before:
            assert (await connection_of(before).execute(count)).scalar_one() == 0
            async with store.transaction() as change:
                row = {"account": ACCOUNT, "key_id": "k", "tag_key": "t", "tag_value": "v"}
                await connection_of(change).execute(text("INSERT INTO key_tags VALUES (:account, :key_id, :tag_key, :tag_value)"), row)
            assert (await connection_of(before).execute(count)).scalar_one() == 0
        async with store.reading() as after:
            assert (await connection_of(after).execute(count)).scalar_one() == 1

    run(story)


def test_a_statement_that_fails_leaves_no_transaction_behind(run: Callable[[Story], None]) -> None:
    async def story(store: SqlStore, visits: list[str]) -> None:
        with pytest.raises(KMSInternalException) as refused:
            async with store.reading() as uow:
                await connection_of(uow).execute(text("SELECT nothing FROM nowhere"))
        assert "SQLITE_ERROR" in str(refused.value.reason)
        assert visits[-1] == "rollback"
        visits.clear()
        async with store.reading() as uow:
            await uow.region.last_change()
        assert visits == ["_visited", "commit"]

    run(story)
