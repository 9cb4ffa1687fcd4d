"""What a Region asks its database by time is built once: a second look asks by the very statements of the first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
from sqlalchemy import event
from tests.databases import migrated_sqlite

from meridian.adapters.store_sql.store import SqlStore
from meridian.domain.key_store import ConnectionState
from meridian.ports.store.store import UnitOfWork

FIRST = ("", "")
NOW = datetime(2026, 1, 1, tzinfo=UTC)

LOOKS: dict[str, Callable[[UnitOfWork], Awaitable[Any]]] = {
    "change feed": lambda uow: uow.region.changes_after(7, limit=10),
    "the database's clock": lambda uow: uow.region.now(),
    "what is due": lambda uow: uow.keys.list_due(now=NOW, after=FIRST, limit=10),
    "when something is due": lambda uow: uow.keys.next_due(),
    "key stores": lambda uow: uow.key_stores.list_in([ConnectionState.CONNECTED], after=FIRST, limit=10),
    "reservations": lambda uow: uow.key_sets.list_reserved(prepared_by="eu-west-1", before=NOW, limit=10),
    "audit keys": lambda uow: uow.audit_streams.keys(),
    "whether an event waits": lambda uow: uow.audit_events.has_any(),
    "events to be claimed": lambda uow: uow.audit_events.claim("s", limit=10),
    "events that are held": lambda uow: uow.audit_events.held("s", are_steady=True),
}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return Path(copy(migrated_sqlite(), tmp_path / "region.sqlite3"))


@pytest.mark.asyncio
@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS.keys())
async def test_a_look_builds_no_statement(database: Path, look: Callable[[UnitOfWork], Awaitable[Any]]) -> None:
    store = SqlStore.connect(f"sqlite:///{database}")
    asked: list[Any] = []
    try:
        event.listen(store._writing.sync_engine, "before_execute", lambda _, statement, *__: asked.append(statement))
        async with store.transaction() as uow:
            await look(uow)
            first = asked.copy()
            asked.clear()
            await look(uow)
    finally:
        await store.close()
    assert first
    assert [id(each) for each in asked] == [id(each) for each in first]
