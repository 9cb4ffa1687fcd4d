"""A database whose disk takes nothing says so, in words, to callers' records and to whoever asks whether a call would work now."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from tests.databases import migrated_sqlite

from meridian.adapters.store_sql.store import SqlStore
from meridian.ports.store.faults import StoreUnavailable

NOW = datetime(2026, 1, 2, tzinfo=UTC)
WORDS = "the disk of the database is full (SQLITE_FULL)"
PAGES_MAX = 1_073_741_823


async def put(store: SqlStore, number: int) -> None:
    async with store.transaction() as uow:
        await uow.outbox.put("held", "eu-west-1", "111122223333", f"mrk-{number}", request_id="r" * 4_000, now=NOW)


@pytest.fixture
def url(tmp_path: Path) -> str:
    path = tmp_path / "region.sqlite3"
    path.write_bytes(migrated_sqlite().read_bytes())
    return f"sqlite:///{path}"


@pytest.mark.asyncio
async def test_a_full_disk_is_told_until_a_change_is_kept(url: str) -> None:
    store, pages = SqlStore.connect(url), [1]
    try:

        @event.listens_for(store._writing.sync_engine, "begin")
        def _limit(connection: Any) -> None:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages[0]}")

        with pytest.raises(StoreUnavailable) as refused:
            for number in range(100):
                await put(store, number)
        assert refused.value.reason == f"database: {WORDS}"
        assert store.trouble() == WORDS
        pages[0] = PAGES_MAX
        await put(store, 200)
        assert store.trouble() == ""
    finally:
        await store.close()
