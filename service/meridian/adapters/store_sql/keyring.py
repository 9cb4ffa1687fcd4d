"""Sealed roots, key-encryption keys and the Region's own secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.ports.store_rows import KekRow, RootRow, SecretRow


class SqlKeyringRows:
    """Implements `ports.store.KeyringRows`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def roots(self) -> Sequence[RootRow]:
        rows = await self._connection.execute(select(*t.roots.c).order_by(t.roots.c.root_number, t.roots.c.provider))
        return [RootRow(row.root_number, row.provider, bytes(row.parameters), bytes(row.sealed_bytes)) for row in rows]

    async def keks(self) -> Sequence[KekRow]:
        rows = await self._connection.execute(select(*t.keks.c).order_by(t.keks.c.kek_number))
        return [KekRow(r.kek_number, r.root_number, r.is_active, r.created_at, bytes(r.sealed_bytes)) for r in rows]

    async def secrets(self, kind: str) -> Sequence[SecretRow]:
        rows = await self._connection.execute(
            select(*t.secrets.c).where(t.secrets.c.kind == kind).order_by(t.secrets.c.created_at.desc(), t.secrets.c.secret_id)
        )
        return [
            SecretRow(r.kind, r.owner, r.secret_id, r.key_spec, r.row_version, r.created_at, bytes(r.sealed_bytes), bytes(r.public_bytes))
            for r in rows
        ]

    async def insert_root(self, row: RootRow) -> None:
        await self._connection.execute(insert(t.roots).values(asdict(row)))

    async def insert_kek(self, row: KekRow) -> None:
        await self._connection.execute(insert(t.keks).values(asdict(row)))

    async def insert_secret(self, row: SecretRow) -> None:
        await self._connection.execute(insert(t.secrets).values(asdict(row)))

    async def delete_secret(self, kind: str, owner: str, secret_id: str) -> None:
        await self._connection.execute(
            delete(t.secrets).where(t.secrets.c.kind == kind, t.secrets.c.owner == owner, t.secrets.c.secret_id == secret_id)
        )
