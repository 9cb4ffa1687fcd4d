"""Wrapping keys of imports under way."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.adapters.store_sql.wrapped_rows import require_kek
from meridian.ports.store.import_keys import ImportKeyRow

T = t.import_keys.c


class SqlImportKeys:
    """Implements `ports.store.import_keys.ImportKeys`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def insert(self, row: ImportKeyRow) -> None:
        await require_kek(self._connection, row.sealed_bytes)
        values = {
            "token_id": row.token_id,
            "account": row.account,
            "key_id": row.key_id,
            "wrapping_key_spec": row.wrapping_key_spec,
            "sealed_bytes": row.sealed_bytes,
            "expires_at": row.expires_at,
            "failed_tries": row.failed_tries,
        }
        await self._connection.execute(insert(t.import_keys).values(values))

    async def find(self, token_id: str) -> ImportKeyRow | None:
        row = (await self._connection.execute(select(*t.import_keys.c).where(t.import_keys.c.token_id == token_id))).first()
        return None if row is None else _row(row)

    async def take_try(self, token_id: str, *, tries_max: int) -> ImportKeyRow | None:
        left = T.token_id == token_id, T.failed_tries < tries_max
        counted = update(t.import_keys).where(*left).values(failed_tries=T.failed_tries + 1).returning(*T)
        row = (await self._connection.execute(counted)).first()
        await self._connection.execute(delete(t.import_keys).where(T.token_id == token_id, T.failed_tries >= tries_max))
        return None if row is None else _row(row)

    async def give_back_try(self, token_id: str) -> None:
        same = T.token_id == token_id, T.failed_tries > 0
        await self._connection.execute(update(t.import_keys).where(*same).values(failed_tries=T.failed_tries - 1))

    async def delete_expired(self, *, now: datetime) -> None:
        await self._connection.execute(delete(t.import_keys).where(t.import_keys.c.expires_at <= now))

    async def delete_of_key(self, account: str, key_id: str) -> None:
        of_key = (t.import_keys.c.account == account, t.import_keys.c.key_id == key_id)
        await self._connection.execute(delete(t.import_keys).where(*of_key))


def _row(row: Row[Any]) -> ImportKeyRow:
    sealed = bytes(row.sealed_bytes)
    return ImportKeyRow(row.token_id, row.account, row.key_id, row.wrapping_key_spec, sealed, row.expires_at, row.failed_tries)
