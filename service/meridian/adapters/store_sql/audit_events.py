"""Audit events that wait to be shipped to the stream."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t


class SqlAuditEvents:
    """Implements `ports.store.AuditEvents`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def insert(self, event_id: str, body: bytes) -> None:
        await self._connection.execute(insert(t.audit_events).values(event_id=event_id, body=body))

    async def pending(self, *, limit: int) -> Sequence[tuple[str, bytes]]:
        rows = await self._connection.execute(
            select(t.audit_events.c.event_id, t.audit_events.c.body).order_by(t.audit_events.c.number).limit(limit)
        )
        return [(row.event_id, bytes(row.body)) for row in rows]

    async def remove(self, event_ids: Sequence[str]) -> None:
        await self._connection.execute(delete(t.audit_events).where(t.audit_events.c.event_id.in_(list(event_ids))))
