"""Custom key stores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.ports.store.key_stores import KeyStoreRow

S = t.key_stores.c


class SqlKeyStores:
    """Implements `ports.store.key_stores.KeyStores`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, account: str, store_id: str) -> KeyStoreRow | None:
        row = (await self._connection.execute(select(*S).where(S.account == account, S.store_id == store_id))).first()
        return None if row is None else _row(row)

    async def put(self, row: KeyStoreRow) -> None:
        await self.delete(row.account, row.store_id)
        values = {
            "account": row.account,
            "store_id": row.store_id,
            "name": row.name,
            "state": row.state,
            "created_at": row.created_at,
            "proxy": json.dumps(dict(row.proxy), sort_keys=True),
        }
        await self._connection.execute(insert(t.key_stores).values(values))

    async def delete(self, account: str, store_id: str) -> None:
        await self._connection.execute(delete(t.key_stores).where(S.account == account, S.store_id == store_id))

    async def list(self, account: str, *, after: str, limit: int) -> Sequence[KeyStoreRow]:
        query = select(*S).where(S.account == account, S.store_id > after).order_by(S.store_id).limit(limit)
        return [_row(row) for row in await self._connection.execute(query)]


def _row(row: Row[Any]) -> KeyStoreRow:
    return KeyStoreRow(row.account, row.store_id, row.name, row.state, row.created_at, json.loads(row.proxy))
