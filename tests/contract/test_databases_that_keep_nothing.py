"""A database that can only be read says so in words, on each of them, until it keeps a change again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event

from meridian.adapters.store_sql.disk_faults import READ_ONLY
from meridian.adapters.store_sql.store import SqlStore
from meridian.ports.store.faults import StoreUnavailable

NOW = datetime(2026, 1, 2, tzinfo=UTC)
FORBIDS = {"sqlite": ("PRAGMA query_only = ON", "SQLITE_READONLY"), "postgresql": ("SET TRANSACTION READ ONLY", "25006")}
ALLOWS = {"sqlite": "PRAGMA query_only = OFF", "postgresql": "SET TRANSACTION READ WRITE"}


async def put(store: SqlStore) -> None:
    async with store.transaction() as uow:
        await uow.outbox.put("held", "eu-west-1", "111122223333", "mrk-1", request_id="r", now=NOW)


@pytest.mark.asyncio
async def test_what_can_only_be_read_is_told_until_a_change_is_kept(store: SqlStore) -> None:
    kind = store._writing.dialect.name
    forbids, name = FORBIDS[kind]
    first = [forbids]

    def said_in_a_transaction(connection: Any) -> None:
        connection.exec_driver_sql(first[0])

    def said_before_one(connection: Any, *_: Any) -> None:
        connection.cursor().execute(first[0])

    # SQLite's own begin already asks for the lock of a writer; PostgreSQL speaks of the transaction that has begun.
    heard = ("checkout", said_before_one) if kind == "sqlite" else ("begin", said_in_a_transaction)
    event.listen(store._writing.sync_engine, *heard)

    with pytest.raises(StoreUnavailable) as refused:
        await put(store)
    words = f"{READ_ONLY} ({name})"
    assert refused.value.reason == f"database: {words}"
    assert store.trouble() == words
    async with store.reading() as uow:
        assert list(await uow.outbox.backlogs()) == []
    assert store.trouble() == words, "a reading keeps nothing"
    first[0] = ALLOWS[kind]
    await put(store)
    assert store.trouble() == ""
