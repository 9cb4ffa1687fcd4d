"""A database on PostgreSQL is brought to the schema of this release while processes of the one before it use it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from alembic import command
from sqlalchemy import Connection
from tests.databases import new_database

from meridian.adapters.store_sql import migrate
from meridian.adapters.store_sql.dialects import READ_SECONDS, WRITER_LOCK
from meridian.adapters.store_sql.migrate import config, upgrade
from meridian.adapters.store_sql.schema import HEAD, REVISIONS, SchemaError, current, open_engine

WAIT_SECONDS = 30.0
LOOK_SECONDS = 0.05
KEYS = "DELETE FROM keys"
WRITTEN = ((KEYS, "DELETE FROM materials"), ("DELETE FROM outbox", KEYS), ("DELETE FROM key_sets", KEYS), (KEYS, "DELETE FROM secrets"))
"""What one transaction writes, one statement after the other."""


async def made_before(server: str) -> str:
    """A database as the release of the last schema has it."""

    def run(connection: Connection) -> None:
        made = config()
        made.attributes["connection"] = connection
        command.upgrade(made, REVISIONS[-2])

    url = await new_database(server)
    async with open_engine(url, None) as engine, engine.begin() as connection:
        await connection.run_sync(run)
    return url


@contextlib.asynccontextmanager
async def writing(url: str) -> AsyncIterator[Any]:
    """A transaction that writes, as every process of a Region begins it."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", WRITER_LOCK)
            yield connection
    finally:
        await connection.close()


async def until_it_waits(connection: Any) -> None:
    """Return when somebody waits for a lock of this database."""
    here = "SELECT oid FROM pg_database WHERE datname = current_database()"
    waits = f"SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND database = ({here}))"  # noqa: S608 - no value in it
    while not await connection.fetchval(waits):
        await asyncio.sleep(LOOK_SECONDS)


def test_a_migration_that_never_has_its_turn_says_what_to_look_for(postgresql_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "TRIES_MAX", 2)

    async def story() -> str:
        url = await made_before(postgresql_server)
        async with writing(url):
            with pytest.raises(SchemaError, match="look in pg_stat_activity, and try again"):
                await upgrade(url)
        return await current(url)

    assert asyncio.run(asyncio.wait_for(story(), WAIT_SECONDS)) == REVISIONS[-2], "nothing has changed"


@pytest.mark.parametrize(("first", "second"), WRITTEN)
def test_neither_a_change_nor_the_migration_ends_the_other(postgresql_server: str, first: str, second: str) -> None:
    async def story() -> str:
        url = await made_before(postgresql_server)
        async with writing(url) as change:
            await change.execute(first)
            migration = asyncio.create_task(upgrade(url))
            await until_it_waits(change)
            await change.execute(second)
        await migration
        return await current(url)

    assert asyncio.run(asyncio.wait_for(story(), WAIT_SECONDS)) == HEAD


def test_a_long_reading_holds_up_the_migration_and_no_other_reading(postgresql_server: str) -> None:
    async def story() -> str:
        url = await made_before(postgresql_server)
        long, other = await asyncpg.connect(url), await asyncpg.connect(url)
        async with long.transaction():
            await long.execute("SELECT FROM keys")
            migration = asyncio.create_task(upgrade(url))
            for _ in range(2):
                await until_it_waits(other)
                await other.execute("SELECT FROM keys", timeout=READ_SECONDS)
            assert not migration.done()
        await migration
        await long.close()
        await other.close()
        return await current(url)

    assert asyncio.run(asyncio.wait_for(story(), WAIT_SECONDS)) == HEAD
