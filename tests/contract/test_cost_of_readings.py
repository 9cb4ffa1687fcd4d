"""What SQLite does for a reading grows with its answer, never with how many keys there are: counted in its steps, which no other work on
the machine changes."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import create_async_engine

from meridian.adapters.store_sql import tables as t
from meridian.adapters.store_sql.dialects import async_url
from meridian.adapters.store_sql.keys import key_values, material_values
from meridian.adapters.store_sql.store import SqlStore
from meridian.adapters.store_sql.wrapped_rows import kek_name
from meridian.domain.key import Key, KeyMaterial, KeySpec, KeyState, KeyUsage, Origin
from meridian.ports.store.store import UnitOfWork

ACCOUNT, NOW = "111122223333", datetime(2026, 1, 1, tzinfo=UTC)
FEW, MANY = 50, 2_000
KEK = 1
"""The key-encryption key that every row names: none is left to be rewrapped."""
FLAT = 1.1
ONE = f"{7:08x}-0000-0000-0000-000000000000"
"""A key that is there in both."""
LISTED = 20

Reading = Callable[[UnitOfWork], Awaitable[Any]]

READINGS: dict[str, Reading] = {
    "keys.find": lambda uow: uow.keys.find(ACCOUNT, ONE),
    "keys.locate": lambda uow: uow.keys.locate(ACCOUNT, ONE),
    "keys.locate_number": lambda uow: uow.keys.locate_number(bytes.fromhex(ONE.replace("-", "")), multi_region=False),
    "keys.list_ids": lambda uow: uow.keys.list_ids(ACCOUNT, after=ONE, limit=LISTED),
    "keys.list_due": lambda uow: uow.keys.list_due(now=NOW, after=("", ""), limit=LISTED),
    "keys.list_updating": lambda uow: uow.keys.list_updating(before=NOW, limit=LISTED),
    "aliases.find": lambda uow: uow.aliases.find(ACCOUNT, "alias/7"),
    "aliases.list": lambda uow: uow.aliases.list(ACCOUNT, key_id="", after="", limit=LISTED),
    "aliases.list of a key": lambda uow: uow.aliases.list(ACCOUNT, key_id=ONE, after="", limit=LISTED),
    "grants.of_principals": lambda uow: uow.grants.of_principals(ACCOUNT, ONE, ["grantee", "role"]),
    "grants.list": lambda uow: uow.grants.list(ACCOUNT, ONE, grantee="", grant_id="", after="", limit=LISTED),
    "grants.list_retirable": lambda uow: uow.grants.list_retirable("retiring-7", after="", limit=LISTED),
    "grants.count": lambda uow: uow.grants.count(ACCOUNT, ONE),
    "key_sets.find": lambda uow: uow.key_sets.find(ACCOUNT, ONE),
    "region.last_change": lambda uow: uow.region.last_change(),
}

GROWING: dict[str, Reading] = {
    "keys.count": lambda uow: uow.keys.count(ACCOUNT),
    "keyring.keys_wrapped_otherwise": lambda uow: uow.keyring.keys_wrapped_otherwise(KEK, limit=LISTED),
}
"""Known to walk every key: the quota of CreateKey, and once a second, while an earlier key-encryption key is kept, that for its rows."""


def key_of(number: int) -> Key:
    key = Key(
        partition="aws",
        region="us-east-1",
        account=ACCOUNT,
        key_id=f"{number:08x}-0000-0000-0000-000000000000",
        key_spec=KeySpec.SYMMETRIC_DEFAULT,
        key_usage=KeyUsage.ENCRYPT_DECRYPT,
        origin=Origin.AWS_KMS,
        state=KeyState.ENABLED,
        created_at=NOW,
    )
    return key.with_material(KeyMaterial(f"{number:064x}", 0, 1, b"seal" + kek_name(KEK)), current=True)


def rows_of(number: int) -> dict[Any, dict[str, Any]]:
    """A row in every table that has rows of a key."""
    key = key_of(number)
    name = {"account": key.account, "key_id": key.key_id}
    made = {"created_at": NOW, "updated_at": NOW}
    grant = {column.name: "" for column in t.grants.c} | {"grant_id": f"{number:064x}", "created_at": NOW, "grantee_principal": "grantee"}
    grant |= {"operations": "[]", "constraint_pairs": "[]"}
    return {
        t.keys: key_values(key),
        t.materials: name | {"material_id": key.current_material_id} | material_values(key.materials[0]),
        t.key_tags: name | {"tag_key": "team", "tag_value": "blue"},
        t.aliases: name | made | {"alias_name": f"alias/{number}"},
        t.grants: grant | name | {"retiring_principal": f"retiring-{number}"},
        t.changes: name,
    }


async def steps_of(path: Path, count: int) -> dict[str, int]:
    """How many steps each reading takes in a database with this many keys."""
    url = f"sqlite:///{path}"
    engine = create_async_engine(async_url(url))
    made = [rows_of(number) for number in range(count)]
    async with engine.begin() as connection:
        for table in made[0]:
            await connection.execute(insert(table), [rows[table] for rows in made])
    await engine.dispose()
    statements: list[tuple[str, Any]] = []

    def keep(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    found: dict[str, int] = {}
    store = SqlStore.connect(url)
    event.listen(Engine, "before_cursor_execute", keep)
    try:
        for name, reading in (READINGS | GROWING).items():
            async with store.reading() as uow:
                statements.clear()
                await reading(uow)
                found[name] = steps_in(path, [each for each in statements if each[0].startswith("SELECT")])
    finally:
        event.remove(Engine, "before_cursor_execute", keep)
        await store.close()
    return found


def steps_in(path: Path, statements: list[tuple[str, Any]]) -> int:
    """The same statements again, with every step counted."""
    assert statements
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    with sqlite3.connect(path) as database:
        for statement, parameters in statements:
            database.set_progress_handler(step, 1)
            database.execute(statement, parameters).fetchall()
            database.set_progress_handler(None, 1)
    database.close()
    return steps


@pytest.mark.asyncio
async def test_no_reading_of_a_call_grows_with_the_keys(migrated_file: Path, tmp_path: Path) -> None:
    taken = []
    for count in (FEW, MANY):
        shutil.copy(migrated_file, tmp_path / f"{count}.sqlite3")
        taken.append(await steps_of(tmp_path / f"{count}.sqlite3", count))
    few, many = taken
    assert {name: (few[name], many[name]) for name in few if many[name] > FLAT * few[name]}.keys() == GROWING.keys()
