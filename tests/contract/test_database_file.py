"""A change is never acknowledged into a file that nobody will find: SQLite's file or journal moved or replaced while it is open."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from meridian.adapters.store_sql.migrate import upgrade
from meridian.adapters.store_sql.store import SqlStore
from meridian.ports.store.faults import StoreUnavailable
from meridian.ports.store.region import RegionIdentity

pytestmark = pytest.mark.asyncio
NOW = datetime(2027, 1, 1, tzinfo=UTC)


@pytest_asyncio.fixture
async def path(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "region.sqlite3"
    path.parent.mkdir()
    await upgrade(f"sqlite:///{path}")
    return path


@pytest_asyncio.fixture
async def store(path: Path) -> AsyncIterator[SqlStore]:
    store = SqlStore.connect(f"sqlite:///{path}")
    try:
        yield store
    finally:
        await store.close()


async def change(store: SqlStore) -> None:
    async with store.transaction() as uow:
        await uow.region.empty()


async def look(store: SqlStore) -> None:
    async with store.reading() as uow:
        await uow.region.identity()


def replace_by_a_copy(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    os.replace(path.with_name("copy"), path)


LOSSES: dict[str, Callable[[Path], object]] = {
    "removed": lambda path: path.unlink(),
    "moved": lambda path: path.rename(path.with_name("elsewhere")),
    "replaced": replace_by_a_copy,
    "its folder moved": lambda path: path.parent.rename(path.parent.with_name("away")),
    "its journal removed": lambda path: Path(f"{path}-wal").unlink(),
    "its journal replaced": lambda path: replace_by_a_copy(Path(f"{path}-wal")),
}


@pytest.mark.parametrize("loss", LOSSES)
async def test_a_change_is_not_acknowledged_where_the_file_goes_before_its_commit(store: SqlStore, path: Path, loss: str) -> None:
    async with store.transaction() as uow:
        await uow.region.initialise(RegionIdentity("d", "aws", "us-east-1", 0, NOW))
    with pytest.raises(StoreUnavailable) as refused:
        async with store.transaction() as uow:
            await uow.region.empty()
            LOSSES[loss](path)
    assert f"database: {path}{'-wal' if 'journal' in loss else ''} is not where it was" in refused.value.reason


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if "journal" not in loss])
async def test_nothing_more_is_read_or_changed_and_the_reason_is_there(store: SqlStore, path: Path, loss: str) -> None:
    await look(store)
    assert store.trouble() == ""
    LOSSES[loss](path)
    for work in (look, change):
        with pytest.raises(StoreUnavailable) as refused:
            await work(store)
        assert f"database: {path} is not where it was" in refused.value.reason
    assert store.trouble().startswith(f"{path} is not where it was")


async def test_it_goes_on_where_the_file_comes_back(store: SqlStore, path: Path) -> None:
    await look(store)
    path.rename(path.with_name("elsewhere"))
    with pytest.raises(StoreUnavailable):
        await look(store)
    path.with_name("elsewhere").rename(path)
    await look(store)
    assert store.trouble() == ""


async def test_no_empty_database_is_made_in_its_place(store: SqlStore, path: Path) -> None:
    path.unlink()
    with pytest.raises(StoreUnavailable):
        await look(store)
    assert not path.exists()
