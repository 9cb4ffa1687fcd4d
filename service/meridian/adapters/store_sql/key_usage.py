"""When keys were last used."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.ports.store.faults import ROW_FAULTS
from meridian.ports.store.key_usage import KeyUse

U = t.key_usage.c


class SqlKeyUsage:
    """Implements `ports.store.key_usage.KeyUsage`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, account: str, key_id: str) -> KeyUse | None:
        row = (await self._connection.execute(select(*U).where(U.account == account, U.key_id == key_id))).first()
        return None if row is None else KeyUse(row.account, row.key_id, row.operation, row.used_at, row.event_id, row.request_id)

    async def _known(self, account: str, key_id: str) -> KeyUse | None:
        """None also for a row that cannot be read: the next use takes its place."""
        try:
            return await self.find(account, key_id)
        except ROW_FAULTS:
            return None

    async def write(self, uses: Iterable[KeyUse]) -> None:
        for use in uses:
            known = await self._known(use.account, use.key_id)
            if known is not None and known.used_at >= use.used_at:
                continue
            await self._connection.execute(delete(t.key_usage).where(U.account == use.account, U.key_id == use.key_id))
            values = {
                "account": use.account,
                "key_id": use.key_id,
                "operation": use.operation,
                "used_at": use.used_at,
                "event_id": use.event_id,
                "request_id": use.request_id,
            }
            await self._connection.execute(insert(t.key_usage).values(values))
