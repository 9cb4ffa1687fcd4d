"""Sealed roots, key-encryption keys and the Region's own secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, insert, or_, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.adapters.store_sql.read_rows import read_rows
from meridian.adapters.store_sql.wrapped_rows import kek_name, kek_of, require_kek
from meridian.ports.store.faults import VersionConflict
from meridian.ports.store.keyring import KekRow, RootRow, SecretName, SecretRow, WrappedKey
from meridian.ports.store.rows import Rows

KEK: Final = kek_of(t.materials)
WRAPPED: Final = (KEK.label("kek"), t.materials.c.account, t.materials.c.key_id)


class SqlKeyringRows:
    """Implements `ports.store.keyring.KeyringRows`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def roots(self) -> Sequence[RootRow]:
        rows = await self._connection.execute(select(*t.roots.c).order_by(t.roots.c.root_number, t.roots.c.provider))
        return [RootRow(row.root_number, row.provider, bytes(row.parameters), bytes(row.sealed_bytes)) for row in rows]

    async def keks(self) -> Sequence[KekRow]:
        rows = await self._connection.execute(select(*t.keks.c).order_by(t.keks.c.kek_number))
        return [KekRow(r.kek_number, r.root_number, r.is_active, r.created_at, bytes(r.sealed_bytes)) for r in rows]

    async def secrets(self, kind: str) -> Rows[SecretRow]:
        query = select(*t.secrets.c).where(t.secrets.c.kind == kind).order_by(t.secrets.c.created_at.desc(), t.secrets.c.secret_id)
        return await read_rows(self._connection, t.secrets, query, read_secret)

    async def find_secret(self, kind: str, owner: str, secret_id: str) -> SecretRow | None:
        c = t.secrets.c
        query = select(*c).where(c.kind == kind, c.owner == owner, c.secret_id == secret_id)
        found = await read_rows(self._connection, t.secrets, query, read_secret)
        return found[0] if found else None

    async def secret_names(self, kinds: Sequence[str]) -> Sequence[SecretName]:
        s = t.secrets.c
        columns = (s.kind, s.secret_id, s.row_version, s.created_at)
        rows = await self._connection.execute(select(*columns).where(s.kind.in_(kinds)).order_by(s.kind, s.owner, s.secret_id))
        return [(row.kind, row.secret_id, row.row_version, row.created_at) for row in rows]

    async def insert_root(self, row: RootRow) -> None:
        await self._connection.execute(insert(t.roots).values(asdict(row)))

    async def insert_kek(self, row: KekRow) -> None:
        await self._connection.execute(insert(t.keks).values(asdict(row)))

    async def insert_secret(self, row: SecretRow) -> None:
        await require_kek(self._connection, row.sealed_bytes)
        await self._connection.execute(insert(t.secrets).values(asdict(row)))

    async def delete_secret(self, kind: str, owner: str, secret_id: str) -> None:
        await self._connection.execute(
            delete(t.secrets).where(t.secrets.c.kind == kind, t.secrets.c.owner == owner, t.secrets.c.secret_id == secret_id)
        )

    async def update_secret(self, row: SecretRow) -> None:
        await require_kek(self._connection, row.sealed_bytes)
        done = await self._connection.execute(
            update(t.secrets)
            .where(
                t.secrets.c.kind == row.kind,
                t.secrets.c.owner == row.owner,
                t.secrets.c.secret_id == row.secret_id,
                t.secrets.c.row_version == row.row_version - 1,
            )
            .values(row_version=row.row_version, sealed_bytes=row.sealed_bytes)
        )
        if done.rowcount != 1:
            raise VersionConflict("the secret has another version")

    async def replace_roots(self, roots: Sequence[RootRow], keks: Sequence[KekRow]) -> None:
        await self._connection.execute(delete(t.roots))
        for root in roots:
            await self.insert_root(root)
        for kek in keks:
            values = {"root_number": kek.root_number, "sealed_bytes": kek.sealed_bytes}
            await self._connection.execute(update(t.keks).where(t.keks.c.kek_number == kek.kek_number).values(values))

    async def activate_kek(self, row: KekRow) -> None:
        await self._connection.execute(update(t.keks).values(is_active=False))
        await self.insert_kek(row)

    async def keys_wrapped_otherwise(self, kek_number: int, *, after: WrappedKey, limit: int) -> Sequence[WrappedKey]:
        named, nothing = kek_name(kek_number), list[WrappedKey]()
        before = await self._wrapped_keys(after, named > KEK, limit) if after.kek < named else nothing
        left = limit - len(before)
        return before + (await self._wrapped_keys(after, named < KEK, left) if left else nothing)

    async def _wrapped_keys(self, after: WrappedKey, where: ColumnElement[bool], limit: int) -> list[WrappedKey]:
        beyond = after.kek <= KEK, tuple_(*WRAPPED) > after  # of the second alone, SQLite makes no use in its index
        page = select(*WRAPPED).distinct().where(text(t.IS_PRESENT), where, *beyond).order_by(*WRAPPED).limit(limit)
        return [WrappedKey(bytes(row.kek), row.account, row.key_id) for row in await self._connection.execute(page)]

    async def secrets_wrapped_otherwise(self, kek_number: int, *, limit: int) -> Rows[SecretRow]:
        kek, named = kek_of(t.secrets), kek_name(kek_number)
        query = select(*t.secrets.c).where(or_(kek < named, kek > named)).limit(limit)
        return await read_rows(self._connection, t.secrets, query, read_secret)

    async def is_named(self, kek_number: int) -> bool:
        named = kek_name(kek_number)
        for table, *present in ((t.materials, text(t.IS_PRESENT)), (t.secrets,), (t.import_keys,)):
            kek = kek_of(table)
            # The first from here on, which an index tells whatever the database believes of how the rows are spread.
            first = (await self._connection.execute(select(kek).where(kek >= named, *present).order_by(kek).limit(1))).scalar()
            if first is not None and bytes(first) == named:
                return True
        return False

    async def delete_kek(self, kek_number: int) -> None:
        await self._connection.execute(delete(t.keks).where(t.keks.c.kek_number == kek_number, ~t.keks.c.is_active))


def read_secret(row: Row[Any]) -> SecretRow:
    """A secret as the database has it. Raises: one of ROW_FAULTS."""
    return SecretRow(
        row.kind,
        row.owner,
        row.secret_id,
        row.key_spec,
        row.row_version,
        row.created_at,
        bytes(row.sealed_bytes),
        bytes(row.public_bytes),
    )
