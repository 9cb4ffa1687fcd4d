"""Every row of a Region's database, read as the service reads it, and every wrapped row opened: which can be, and which cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, Select, Table, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.adapters.store_sql.dialects import ERRAND_SECONDS, engine_for_once
from meridian.adapters.store_sql.grants import read_grant
from meridian.adapters.store_sql.key_sets import read_set_row
from meridian.adapters.store_sql.key_stores import read_key_store
from meridian.adapters.store_sql.keyring import read_secret
from meridian.adapters.store_sql.keys import read_key, read_material
from meridian.adapters.store_sql.outbox import read_entry
from meridian.adapters.store_sql.read_rows import read_rows
from meridian.crypto.aead import OpenError
from meridian.domain.foreign_text import printable
from meridian.engine.imports import KEY_KIND
from meridian.engine.keyring import MATERIAL_KIND, Keyring, RowIdentity
from meridian.engine.region_secrets import secret_identity
from meridian.ports.store.faults import ROW_FAULTS
from meridian.ports.store.region import RegionIdentity

PAGE: Final = 500
FAULTS_MAX: Final = 10_000
"""Rows that are named; those beyond are counted."""
NAME_CHARACTERS_MAX: Final = 300
FIRST_ROW_VERSION: Final = 1

Read = Callable[[Row[Any]], object]


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row that cannot be used."""

    table: str
    name: str
    """The values of its primary key, printable."""
    why: str


@dataclass(slots=True)
class Survey:
    """What was found."""

    read: int
    """Rows that could be read."""
    opened: int
    """Wrapped rows that opened."""
    faults: list[RowFault]
    unnamed: int
    """Faults beyond those."""

    def add(self, table: str, name: tuple[object, ...], why: str) -> None:
        if len(self.faults) >= FAULTS_MAX:
            self.unnamed += 1
            return
        text = "/".join(each.hex() if isinstance(each, bytes) else str(each) for each in name)
        self.faults.append(RowFault(table, printable(text, NAME_CHARACTERS_MAX), why))


def _columns_alone(row: Row[Any]) -> object:
    return row


READERS: Final[Mapping[str, Read]] = {
    "aliases": _columns_alone,
    "answers": _columns_alone,
    "audit_events": _columns_alone,
    "audit_keys": _columns_alone,
    "audit_streams": _columns_alone,
    "audit_verifications": _columns_alone,
    "changes": _columns_alone,
    "counters": _columns_alone,
    "grants": read_grant,
    "import_keys": _columns_alone,
    "inbox": _columns_alone,
    "incarnations": _columns_alone,
    "keks": _columns_alone,
    "key_sets": read_set_row,
    "key_stores": read_key_store,
    "key_tags": _columns_alone,
    "key_usage": _columns_alone,
    "keys": lambda row: read_key(row, (), (), ()),
    "materials": read_material,
    "operator_words": _columns_alone,
    "outbox": read_entry,
    "region": _columns_alone,
    "roots": _columns_alone,
    "secrets": read_secret,
}
"""How each table is read; a test compares it with the schema."""


async def survey_rows(url: str, identity: RegionIdentity, keyring: Keyring, *, wrapped_alone: bool) -> Survey:
    """Walk the tables in pages; of those with wrapped rows every row is opened. `wrapped_alone` leaves the other tables out.

    Nothing is written. Raises: SQLAlchemyError, OSError where the database cannot be read at all.
    """
    found = Survey(0, 0, [], 0)
    for number in sorted(keyring.unopened):
        found.add(t.keks.name, (number,), "does not open under the root key")
    engine = engine_for_once(url, ERRAND_SECONDS)
    try:
        async with engine.connect() as connection:
            for table in t.metadata.sorted_tables:
                if table.name in IDENTITIES or not wrapped_alone:
                    await _survey_table(connection, table, identity, keyring, found)
    finally:
        await engine.dispose()
    return found


async def _survey_table(connection: AsyncConnection, table: Table, identity: RegionIdentity, keyring: Keyring, found: Survey) -> None:
    columns = tuple(table.primary_key.columns)
    after: tuple[Any, ...] | None = None
    while True:
        beyond = [] if after is None else [tuple_(*columns) > after]
        names = [tuple(row) for row in await connection.execute(select(*columns).where(*beyond).order_by(*columns).limit(PAGE))]
        if not names:
            return
        page = select(*table.c).where(*beyond, tuple_(*columns) <= names[-1])
        rows = await read_rows(connection, table, page, lambda row: _read(table, row))
        found.read += len(rows)
        for unreadable in rows.unreadable:
            found.add(table.name, unreadable.name, f"cannot be read ({unreadable.fault})")
        if table.name in IDENTITIES:
            await _open_page(connection, table, list(rows), identity, keyring, found)
        after = names[-1]


def _read(table: Table, row: Row[Any]) -> Row[Any]:
    READERS[table.name](row)
    return row


async def _open_page(
    connection: AsyncConnection, table: Table, rows: list[Row[Any]], identity: RegionIdentity, keyring: Keyring, found: Survey
) -> None:
    facts = await _facts_of(connection, rows) if table is t.materials else {}
    for row in rows:
        if not row.sealed_bytes:
            continue  # deleted or expired material leaves its row, without its bytes
        why = _why_closed(table.name, row, facts, identity, keyring)
        if why:
            found.add(table.name, tuple(row._mapping[c] for c in table.primary_key.columns), why)
        else:
            found.opened += 1


async def _facts_of(connection: AsyncConnection, rows: list[Row[Any]]) -> dict[tuple[str, str], Row[Any]]:
    """What materials are bound to beside their own columns, by account and key id."""
    k = t.keys.c
    names = {(row.account, row.key_id) for row in rows}
    query: Select[Any] = select(k.account, k.key_id, k.partition, k.region, k.key_spec, k.origin).where(
        tuple_(k.account, k.key_id).in_(names)
    )
    return {(row.account, row.key_id): row for row in await connection.execute(query)}


def _why_closed(table: str, row: Row[Any], facts: dict[tuple[str, str], Row[Any]], identity: RegionIdentity, keyring: Keyring) -> str:
    try:
        keyring.require_opens(IDENTITIES[table](row, facts, identity), bytes(row.sealed_bytes))
    except OpenError as fault:
        return f"does not open ({fault.stage})"
    except ROW_FAULTS as fault:
        return f"cannot be read ({type(fault).__name__})"
    return ""


def _of_material(row: Row[Any], facts: dict[tuple[str, str], Row[Any]], _: RegionIdentity) -> RowIdentity:
    key = facts[row.account, row.key_id]
    row_id = bytes.fromhex(row.material_id)
    names = (MATERIAL_KIND, key.partition, row.account, key.region, row.key_id, key.key_spec, key.origin)
    return RowIdentity(*names, row_id, row.row_version)


def _of_secret(row: Row[Any], _: dict[tuple[str, str], Row[Any]], identity: RegionIdentity) -> RowIdentity:
    return secret_identity(identity, read_secret(row))


def _of_import_key(row: Row[Any], _: dict[tuple[str, str], Row[Any]], identity: RegionIdentity) -> RowIdentity:
    token_id = bytes.fromhex(row.token_id)
    names = (KEY_KIND, identity.partition, row.account, identity.region, row.key_id, row.wrapping_key_spec, "")
    return RowIdentity(*names, token_id, FIRST_ROW_VERSION)


IDENTITIES: Final = {"materials": _of_material, "secrets": _of_secret, "import_keys": _of_import_key}
"""What the wrapped rows of each table are bound to."""
