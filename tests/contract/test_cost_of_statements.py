"""What a database does for a call or a look grows with the answer, never with how many keys there are: counted in the steps of SQLite and
in the rows that PostgreSQL visits, which no other work on the machine changes."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from tests.contract.many_keys import ACCOUNT, EARLIER, KEK, LATER, NOW, OTHER, SILENT, fill, id_of
from tests.databases import new_database

from meridian.adapters.store_sql.store import SqlStore
from meridian.domain.key_store import ConnectionState
from meridian.ports.store.key_usage import KeyUse
from meridian.ports.store.keyring import FIRST_WRAPPED
from meridian.ports.store.outbox import OutboxEntry
from meridian.ports.store.store import UnitOfWork

FEW, MANY = 60, 3_000
FLAT = 1.1
ONE = id_of(8)
"""A key that is there in both."""
LISTED = 20
ENTRY = OutboxEntry("set", SILENT, ACCOUNT, ONE, "", 8, 1, EARLIER, "", "", NOW)
START = ("", "")

Use = Callable[[UnitOfWork], Awaitable[Any]]


Act = Callable[[UnitOfWork, Any], Awaitable[Any]]


def of_found(find: Use, act: Act) -> Use:
    """What is done with a row once it is found."""

    async def use(uow: UnitOfWork) -> None:
        row = await find(uow)
        assert row is not None
        await act(uow, row)

    return use


def _key(uow: UnitOfWork) -> Awaitable[Any]:
    return uow.keys.find(ACCOUNT, ONE)


def _secret(uow: UnitOfWork) -> Awaitable[Any]:
    return uow.keyring.find_secret("key-store-credential", ACCOUNT, ONE)


USES: dict[str, Use] = {
    "aliases.find": lambda uow: uow.aliases.find(ACCOUNT, "alias/7"),
    "aliases.list": lambda uow: uow.aliases.list(ACCOUNT, key_id="", after="", limit=LISTED),
    "aliases.list of a key": lambda uow: uow.aliases.list(ACCOUNT, key_id=ONE, after="", limit=LISTED),
    "aliases.point": lambda uow: uow.aliases.point(ACCOUNT, "alias/7", ONE, now=NOW),
    "aliases.delete": lambda uow: uow.aliases.delete(ACCOUNT, "alias/7"),
    "answers.find": lambda uow: uow.answers.find(ACCOUNT, "p1", ONE, now=NOW),
    "answers.put": of_found(
        lambda uow: uow.answers.find(ACCOUNT, "p1", ONE, now=NOW), lambda uow, row: uow.answers.put(row, keep=MANY + 1)
    ),
    "answers.withdraw": lambda uow: uow.answers.withdraw(ACCOUNT, "p1", ONE, request_id=""),
    "answers.prune": lambda uow: uow.answers.prune(now=NOW, limit=LISTED),
    "audit_streams.uses_stored": lambda uow: uow.audit_streams.uses_stored(limit=LISTED),
    "audit_streams.events_stored": lambda uow: uow.audit_streams.events_stored(limit=LISTED),
    "audit_streams.keys_stored": lambda uow: uow.audit_streams.keys_stored(after=START, limit=LISTED),
    "grants.find": lambda uow: uow.grants.find(f"{8:064x}"),
    "grants.of_principals": lambda uow: uow.grants.of_principals(ACCOUNT, ONE, ["grantee", "role"]),
    "grants.list": lambda uow: uow.grants.list(ACCOUNT, ONE, grantee="", grant_id="", after="", limit=LISTED),
    "grants.list_retirable": lambda uow: uow.grants.list_retirable("retiring-7", after="", limit=LISTED),
    "grants.count": lambda uow: uow.grants.count(ACCOUNT, ONE),
    "grants.delete": of_found(lambda uow: uow.grants.find(f"{8:064x}"), lambda uow, grant: uow.grants.delete(grant)),
    "import_keys.find": lambda uow: uow.import_keys.find(f"{8:032x}"),
    "import_keys.take_try": lambda uow: uow.import_keys.take_try(f"{8:032x}", tries_max=3),
    "import_keys.give_back_try": lambda uow: uow.import_keys.give_back_try(f"{8:032x}"),
    "import_keys.delete_expired": lambda uow: uow.import_keys.delete_expired(now=NOW),
    "import_keys.delete_of_key": lambda uow: uow.import_keys.delete_of_key(ACCOUNT, ONE),
    "inbox.record": lambda uow: uow.inbox.record(OTHER, 1, 8, b"", now=NOW),
    "inbox.highest_incarnation": lambda uow: uow.inbox.highest_incarnation(OTHER),
    "inbox.prune": lambda uow: uow.inbox.prune(before=EARLIER, limit=LISTED),
    "inbox.learn_incarnation": lambda uow: uow.inbox.learn_incarnation(OTHER, 2),
    "key_sets.find": lambda uow: uow.key_sets.find(ACCOUNT, ONE),
    "key_sets.update": of_found(lambda uow: uow.key_sets.find(ACCOUNT, ONE), lambda uow, row: uow.key_sets.update(row)),
    "key_sets.list_reserved": lambda uow: uow.key_sets.list_reserved(prepared_by=OTHER, before=LATER, limit=LISTED),
    "key_sets.count_reserved": lambda uow: uow.key_sets.count_reserved(ACCOUNT, prepared_by=OTHER, most=LISTED),
    "key_sets.list_members": lambda uow: uow.key_sets.list_members(after=START, limit=LISTED),
    "key_sets.list_members unsettled": lambda uow: uow.key_sets.list_members(after=START, limit=LISTED, unsettled=True),
    "key_stores.find": lambda uow: uow.key_stores.find(ACCOUNT, ONE),
    "key_stores.update": of_found(lambda uow: uow.key_stores.find(ACCOUNT, ONE), lambda uow, row: uow.key_stores.update(row)),
    "key_stores.delete": lambda uow: uow.key_stores.delete(ACCOUNT, ONE),
    "key_stores.list": lambda uow: uow.key_stores.list(ACCOUNT, after="", limit=LISTED),
    "key_stores.list_in": lambda uow: uow.key_stores.list_in({ConnectionState.CONNECTED}, after=START, limit=LISTED),
    "key_usage.find": lambda uow: uow.key_usage.find(ACCOUNT, ONE),
    "key_usage.write": lambda uow: uow.key_usage.write([KeyUse(ACCOUNT, ONE, "Encrypt", LATER, "e", "r")]),
    "keyring.secrets": lambda uow: uow.keyring.secrets("audit-key"),
    "keyring.find_secret": lambda uow: uow.keyring.find_secret("key-store-credential", ACCOUNT, ONE),
    "keyring.secret_names": lambda uow: uow.keyring.secret_names(["audit-key", "transport-key"]),
    "keyring.update_secret": of_found(_secret, lambda uow, row: uow.keyring.update_secret(replace(row, row_version=2))),
    "keyring.delete_secret": lambda uow: uow.keyring.delete_secret("key-store-credential", ACCOUNT, ONE),
    "keyring.keys_wrapped_otherwise": lambda uow: uow.keyring.keys_wrapped_otherwise(KEK, after=FIRST_WRAPPED, limit=LISTED),
    "keyring.keys_wrapped_otherwise, all": lambda uow: uow.keyring.keys_wrapped_otherwise(KEK + 1, after=FIRST_WRAPPED, limit=LISTED),
    "keyring.secrets_wrapped_otherwise": lambda uow: uow.keyring.secrets_wrapped_otherwise(KEK, limit=LISTED),
    "keyring.is_named": lambda uow: uow.keyring.is_named(KEK - 1),
    "keyring.is_named, and the last": lambda uow: uow.keyring.is_named(KEK + 1),
    "keys.find": lambda uow: uow.keys.find(ACCOUNT, ONE),
    "keys.locate": lambda uow: uow.keys.locate(ACCOUNT, ONE),
    "keys.locate_number": lambda uow: uow.keys.locate_number(bytes.fromhex(ONE.replace("-", "")), multi_region=False),
    "keys.update": of_found(_key, lambda uow, key: uow.keys.update(key)),
    "keys.delete": of_found(_key, lambda uow, key: uow.keys.delete(key)),
    "keys.list_ids": lambda uow: uow.keys.list_ids(ACCOUNT, after=ONE, limit=LISTED),
    "keys.find_in_store": lambda uow: uow.keys.find_in_store(ACCOUNT, "cks-1", None),
    "keys.list_due": lambda uow: uow.keys.list_due(now=NOW, after=START, limit=LISTED),
    "keys.next_due": lambda uow: uow.keys.next_due(),
    "keys.list_updating": lambda uow: uow.keys.list_updating(before=NOW, limit=LISTED),
    "outbox.put": lambda uow: uow.outbox.put("set", OTHER, ACCOUNT, ONE, request_id="", now=NOW),
    "outbox.claim_due": lambda uow: uow.outbox.claim_due(SILENT, now=NOW, lease_owner="o", lease_seconds=9.0, limit=LISTED),
    "outbox.claim_due of another": lambda uow: uow.outbox.claim_due(OTHER, now=NOW, lease_owner="o", lease_seconds=9.0, limit=LISTED),
    "outbox.has_for": lambda uow: uow.outbox.has_for(OTHER),
    "outbox.delivered": lambda uow: uow.outbox.delivered(ENTRY),
    "outbox.failed": lambda uow: uow.outbox.failed(ENTRY, due_at=NOW, error=""),
    "outbox.is_empty_for": lambda uow: uow.outbox.is_empty_for(ACCOUNT, ONE, left_out=[SILENT]),
    "outbox.list": lambda uow: uow.outbox.list(limit=LISTED),
    "region.changes_after": lambda uow: uow.region.changes_after(0, limit=LISTED),
    "region.prune_changes": lambda uow: uow.region.prune_changes(keep=MANY),
    "region.last_change": lambda uow: uow.region.last_change(),
}

GROWING: dict[str, Use] = {
    "keys.count": lambda uow: uow.keys.count(ACCOUNT),
    "key_sets.count_related": lambda uow: uow.key_sets.count_related(ACCOUNT, limit=LISTED),
    "key_sets.mark_stale": lambda uow: uow.key_sets.mark_stale(),
    "outbox.backlogs": lambda uow: uow.outbox.backlogs(),
    "outbox.backlogs_of": lambda uow: uow.outbox.backlogs_of(ACCOUNT),
    "outbox.drop_all_but": lambda uow: uow.outbox.drop_all_but([OTHER]),
}
"""Known to walk all: the quota of CreateKey, the page of other Regions, a restored Region's start, the start's look for Regions that are
gone, and, every ten seconds, how much waits for each Region, which grows with what waits."""

OF_FEW_ROWS = {"audit_events", "audit_streams", "operator_words"}
"""Tables that do not grow with the keys: events on their way to the log, a row for each start, and what operators said."""
ASK_FOR_FEW = {f"keyring.{name}" for name in ("roots", "keks", "replace_roots", "activate_kek", "delete_kek")} | {
    f"region.{name}" for name in ("identity", "begin_incarnation", "now")
}
MADE_ONCE = {"region.initialise", "region.empty", "inbox.forget_incarnations"}
ONLY_INSERT = {"insert", "insert_root", "insert_kek", "insert_secret"}


class _Undo(Exception):
    pass


async def statements_of(store: SqlStore, use: Use) -> list[tuple[str, Any]]:
    """What is asked of the database; nothing of it stays."""
    found: list[tuple[str, Any]] = []

    def keep(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.split(None, 1)[0] in {"SELECT", "UPDATE", "DELETE"} and "pg_advisory" not in statement:
            found.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        async with store.transaction() as uow:
            await use(uow)
            raise _Undo
    except _Undo:
        return found
    finally:
        event.remove(Engine, "before_cursor_execute", keep)


def steps(path: Path, statements: list[tuple[str, Any]]) -> int:
    """The same statements on SQLite, with every step counted."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    database = sqlite3.connect(path, isolation_level=None)
    database.execute("BEGIN")
    for statement, parameters in statements:
        database.set_progress_handler(step, 1)
        database.execute(statement, parameters).fetchall()
        database.set_progress_handler(None, 1)
    database.rollback()
    database.close()
    return taken


async def rows_visited(url: str, statements: list[tuple[str, Any]]) -> int:
    """The same statements on PostgreSQL, with every row counted that was looked at."""
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    visited = 0
    for statement, parameters in statements:
        (plan,) = json.loads(await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *parameters))
        visited += sum(_visited(node) for node in _nodes(plan["Plan"]))
    await transaction.rollback()
    await connection.close()
    return visited


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


def _visited(node: Mapping[str, Any]) -> int:
    counted = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck", "Rows Removed by Join Filter")
    return int(sum(node.get(name, 0) for name in counted) * node["Actual Loops"])


async def counted(url: str, count: int, path: Path | None) -> dict[str, int]:
    """What each use costs in a database with so many keys."""
    await fill(url, count)
    store = SqlStore.connect(url)
    asked = {name: await statements_of(store, use) for name, use in (USES | GROWING).items()}
    await store.close()
    if path is not None:
        return {name: steps(path, statements) for name, statements in asked.items()}
    return {name: await rows_visited(url, statements) for name, statements in asked.items()}


def growing(few: Mapping[str, int], many: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    return {name: (few[name], many[name]) for name in few if many[name] > FLAT * few[name]}


@pytest.mark.asyncio
async def test_nothing_that_sqlite_is_asked_grows_with_the_keys(migrated_file: Path, tmp_path: Path) -> None:
    found = []
    for count in (FEW, MANY):
        path = tmp_path / f"{count}.sqlite3"
        shutil.copy(migrated_file, path)
        found.append(await counted(f"sqlite:///{path}", count, path))
    assert growing(*found).keys() == GROWING.keys(), growing(*found)


@pytest.mark.asyncio
async def test_nothing_that_postgresql_is_asked_grows_with_the_keys(postgresql_server: str, migrated_database: str) -> None:
    few, many = [await counted(await new_database(postgresql_server, migrated_database), count, None) for count in (FEW, MANY)]
    assert growing(few, many).keys() == GROWING.keys(), growing(few, many)


def test_everything_that_a_repository_asks_is_counted(tmp_path: Path) -> None:
    async def names() -> set[str]:
        store = SqlStore.connect(f"sqlite:///{tmp_path}/empty.sqlite3")
        async with store.reading() as uow:
            found = {f"{room}.{name}" for room, rows in vars(uow).items() for name in dir(rows) if not name.startswith("_")}
        await store.close()
        return found

    counted_here = {name.split(" ")[0].rstrip(",") for name in USES | GROWING}
    found = asyncio.run(names())
    missed = {name for name in found if name.split(".")[0] not in OF_FEW_ROWS and name.split(".")[1] not in ONLY_INSERT}
    assert missed - counted_here == ASK_FOR_FEW | MADE_ONCE
    assert counted_here <= found
