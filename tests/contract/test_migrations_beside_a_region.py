"""A database on PostgreSQL is brought to the schema of this release while processes of the one before it write to it."""

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

from meridian.adapters.store_sql.dialects import WRITER_LOCK
from meridian.adapters.store_sql.migrate import config, upgrade
from meridian.adapters.store_sql.schema import HEAD, REVISIONS, current, open_engine

WAIT_SECONDS = 30.0
MEET_SECONDS = 0.5
"""For a migration to come as far as it can."""
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


@pytest.mark.parametrize(("first", "second"), WRITTEN)
def test_neither_a_change_nor_the_migration_ends_the_other(postgresql_server: str, first: str, second: str) -> None:
    async def story() -> str:
        url = await made_before(postgresql_server)
        async with writing(url) as change:
            await change.execute(first)
            migration = asyncio.create_task(upgrade(url))
            await asyncio.sleep(MEET_SECONDS)
            await change.execute(second)
        await migration
        return await current(url)

    assert asyncio.run(asyncio.wait_for(story(), WAIT_SECONDS)) == HEAD
