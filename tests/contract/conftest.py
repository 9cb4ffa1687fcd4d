"""One empty database per test, on each kind that the store runs on."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from tests.databases import migrated_sqlite, name_of, new_database

from meridian.adapters.store_sql.migrate import upgrade
from meridian.adapters.store_sql.store import SqlStore
from meridian.ports.store.keyring import KekRow

KEK = 7
"""The key-encryption key that rows of these tests name."""


@pytest.fixture(scope="session")
def migrated_file() -> Path:
    """An empty, migrated SQLite database, to be copied."""
    return migrated_sqlite()


@pytest.fixture(scope="session")
def migrated_database(postgresql_server: str) -> str:
    """The name of an empty, migrated database on PostgreSQL, to be copied."""
    url = asyncio.run(new_database(postgresql_server))
    asyncio.run(upgrade(url))
    return name_of(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty, migrated database."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "region.sqlite3")
        return f"sqlite:///{tmp_path}/region.sqlite3"
    template = request.getfixturevalue("migrated_database")
    return asyncio.run(new_database(request.getfixturevalue("postgresql_server"), template))


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[SqlStore]:
    made = SqlStore.connect(database_url)
    async with made.transaction() as uow:
        await uow.keyring.insert_kek(KekRow(KEK, 1, True, datetime(2026, 1, 1, tzinfo=UTC), b"sealed"))
    yield made
    await made.close()


@pytest_asyncio.fixture
async def other_store(database_url: str) -> AsyncIterator[SqlStore]:
    """What another process of the same Region would open."""
    made = SqlStore.connect(database_url)
    yield made
    await made.close()
