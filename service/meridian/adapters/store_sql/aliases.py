"""Aliases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.ports.store.aliases import AliasRow

A = t.aliases.c


class SqlAliases:
    """Implements `ports.store.aliases.Aliases`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, account: str, alias_name: str) -> AliasRow | None:
        row = (await self._connection.execute(select(*A).where(A.account == account, A.alias_name == alias_name))).first()
        return None if row is None else _read(row)

    async def insert(self, row: AliasRow) -> None:
        values = {
            "account": row.account,
            "alias_name": row.alias_name,
            "key_id": row.key_id,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
        await self._connection.execute(insert(t.aliases).values(values))

    async def point(self, account: str, alias_name: str, key_id: str, *, now: datetime) -> None:
        same = A.account == account, A.alias_name == alias_name
        await self._connection.execute(update(t.aliases).where(*same).values(key_id=key_id, updated_at=now))

    async def delete(self, account: str, alias_name: str) -> None:
        await self._connection.execute(delete(t.aliases).where(A.account == account, A.alias_name == alias_name))

    async def list(self, account: str, *, key_id: str, after: str, limit: int) -> Sequence[AliasRow]:
        if key_id:
            # The few of one key are sorted here: asked for an order by name, SQLite would walk all names of the account.
            of_key = await self._connection.execute(select(*A).where(A.account == account, A.key_id == key_id))
            return sorted((_read(row) for row in of_key if row.alias_name > after), key=attrgetter("alias_name"))[:limit]
        page = select(*A).where(A.account == account, A.alias_name > after).order_by(A.alias_name).limit(limit)
        return [_read(row) for row in await self._connection.execute(page)]


def _read(row: Row[Any]) -> AliasRow:
    return AliasRow(row.account, row.alias_name, row.key_id, row.created_at, row.updated_at)
