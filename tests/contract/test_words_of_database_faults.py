"""A database that fails is told in words, without its password: what every reason, log and readiness repeats."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import text
from tests.databases import name_of, new_database
from tests.ports import free_port

from meridian.adapters.store_sql.store import SqlStore
from meridian.ports.store.faults import StoreUnavailable
from meridian.ports.store.store import UnitOfWork

SECRET = "n0-0ne-may-read-this"
ABSENT = "SELECT 'n0-0ne-may-read-this' FROM absent"


async def reason_of(store: SqlStore, use: Callable[[UnitOfWork], Awaitable[object]]) -> str:
    with pytest.raises(StoreUnavailable) as refused:
        async with store.transaction() as uow:
            await use(uow)
    await store.close()
    assert SECRET not in str(refused.value) + repr(refused.value) + refused.value.reason
    return refused.value.reason


async def keks(uow: UnitOfWork) -> object:
    return await uow.keyring.keks()


async def ask(uow: UnitOfWork, statement: str) -> None:
    keys: Any = uow.keys
    await keys._connection.execute(text(statement))


@pytest.mark.asyncio
async def test_a_connection_that_the_server_ends(postgresql_server: str, migrated_database: str) -> None:
    url = await new_database(postgresql_server, migrated_database)

    async def end_others(uow: UnitOfWork) -> None:
        await keks(uow)
        other = await asyncpg.connect(postgresql_server)
        await other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name_of(url))
        await other.close()
        await keks(uow)

    reason = await reason_of(SqlStore.connect(url), end_others)
    assert reason in {"database: it was shut down (57P01)", "database: the connection was lost (08003)", LOST_HERE}


LOST_HERE = "database: the connection was lost (InterfaceError)"


@pytest.mark.asyncio
async def test_a_server_that_refuses(postgresql_server: str, migrated_database: str) -> None:
    url = await new_database(postgresql_server, migrated_database)
    host = urlsplit(url).query
    cases = {
        f"postgresql://postgres@/{name_of(url)}x?{host}": "database: no database of this name is there (3D000)",
        f"postgresql://nobody:{SECRET}@/{name_of(url)}?{host}": "database: it refuses the user or the password (28000)",
        f"postgresql://nobody:{SECRET}@127.0.0.1:{free_port()}/x": "database: it cannot be reached",
    }
    for wrong, words in cases.items():
        assert (await reason_of(SqlStore.connect(wrong), keks)).startswith(words)

    async def sleep(uow: UnitOfWork) -> None:
        await ask(uow, "SET LOCAL statement_timeout = 50")
        await ask(uow, "SELECT pg_sleep(5)")

    assert await reason_of(SqlStore.connect(url), sleep) == "database: it does not answer in time (57014)"
    missing = await reason_of(SqlStore.connect(url), lambda uow: ask(uow, ABSENT))
    assert missing == "database: it answers with an error (42P01)"


@pytest.mark.asyncio
async def test_a_file_that_fails(tmp_path: Path, migrated_file: Path) -> None:
    path = tmp_path / "region.sqlite3"
    path.write_bytes(migrated_file.read_bytes())
    missing = await reason_of(SqlStore.connect(f"sqlite:///{path}"), lambda uow: ask(uow, ABSENT))
    assert missing == "database: it answers with an error (SQLITE_ERROR)"
    with sqlite3.connect(path) as other:
        other.execute("BEGIN IMMEDIATE")
        reason = await reason_of(SqlStore.connect(f"sqlite:///{path}"), keks)
    other.close()
    assert reason == "database: another program holds its lock (SQLITE_BUSY)"
    path.write_bytes(b"no database at all" * 300)
    assert await reason_of(SqlStore.connect(f"sqlite:///{path}"), keks) == "database: its file is no database (SQLITE_NOTADB)"
