"""Custom key stores."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.adapters.store_sql.look_statements import STORES_IN
from meridian.adapters.store_sql.read_rows import read_rows
from meridian.domain.key_store import ConnectionState
from meridian.ports.store.faults import VersionConflict
from meridian.ports.store.key_stores import KeyStoreRow
from meridian.ports.store.rows import Rows

S = t.key_stores.c


class SqlKeyStores:
    """Implements `ports.store.key_stores.KeyStores`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, account: str, store_id: str) -> KeyStoreRow | None:
        row = (await self._connection.execute(select(*S).where(S.account == account, S.store_id == store_id))).first()
        return None if row is None else read_key_store(row)

    async def insert(self, row: KeyStoreRow) -> None:
        await self._connection.execute(insert(t.key_stores).values(_values(row)))

    async def update(self, row: KeyStoreRow) -> KeyStoreRow:
        stored = replace(row, version=row.version + 1)
        done = await self._connection.execute(
            update(t.key_stores)
            .where(S.account == row.account, S.store_id == row.store_id, S.version == row.version)
            .values(_values(stored))
        )
        if done.rowcount != 1:
            raise VersionConflict("the key store has another version")
        # One row, not one for each key of the store: caches keep its keys under its name too.
        await self._connection.execute(insert(t.changes).values(account=row.account, key_id=row.store_id))
        return stored

    async def delete(self, account: str, store_id: str) -> None:
        await self._connection.execute(delete(t.key_stores).where(S.account == account, S.store_id == store_id))

    async def list(self, account: str, *, after: str, limit: int) -> Rows[KeyStoreRow]:
        query = select(*S).where(S.account == account, S.store_id > after).order_by(S.store_id).limit(limit)
        return await read_rows(self._connection, t.key_stores, query, read_key_store)

    async def list_in(self, states: Collection[ConnectionState], *, after: tuple[str, str], limit: int) -> Rows[KeyStoreRow]:
        page = {"states": [str(state) for state in states], "after_account": after[0], "after_name": after[1], "most": limit}
        return await read_rows(self._connection, t.key_stores, STORES_IN, read_key_store, page)


def _values(row: KeyStoreRow) -> dict[str, Any]:
    return {
        "account": row.account,
        "store_id": row.store_id,
        "name": row.name,
        "state": str(row.state),
        "created_at": row.created_at,
        "proxy": json.dumps(dict(row.proxy), sort_keys=True),
        "kind": row.kind,
        "error_code": row.error_code,
        "credential_id": row.credential_id,
        "version": row.version,
    }


def read_key_store(row: Row[Any]) -> KeyStoreRow:
    """A key store as the database has it. Raises: one of ROW_FAULTS."""
    return KeyStoreRow(
        account=row.account,
        store_id=row.store_id,
        name=row.name,
        state=ConnectionState(row.state),
        created_at=row.created_at,
        proxy=json.loads(row.proxy),
        kind=row.kind,
        error_code=row.error_code,
        credential_id=row.credential_id,
        version=row.version,
    )
