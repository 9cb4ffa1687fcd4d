"""Audit events that wait to be written to a stream, and which one writes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.adapters.store_sql.look_statements import ANY_EVENT, CLAIM, HELD, HELD_STEADILY, SHORTEN, later, lease
from meridian.ports.store.audit_events import LEASE_SECONDS, NOBODY, StoredEvent

E = t.audit_events.c


class SqlAuditEvents:
    """Implements `ports.store.audit_events.AuditEvents`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def has_any(self) -> bool:
        return (await self._connection.execute(ANY_EVENT)).first() is not None

    async def insert(self, event_id: str, body: bytes, *, owner: str) -> None:
        until = later(LEASE_SECONDS) if owner != NOBODY else 0
        values = {"event_id": event_id, "body": body, "lease_owner": owner, "lease_until": until, "taken_from": NOBODY}
        await self._connection.execute(insert(t.audit_events).values(values))

    async def claim(self, owner: str, *, limit: int) -> None:
        await self._connection.execute(SHORTEN)
        await self._connection.execute(CLAIM, {"owner": owner, "most": limit})

    async def take(self, owner: str, *, before: str) -> None:
        await self._lease(owner, E.lease_owner == before)

    async def hold(self, owner: str, event_id: str) -> bool:
        return await self._lease(owner, and_(E.lease_owner == owner, E.event_id == event_id)) > 0

    async def held(self, owner: str, *, are_steady: bool) -> Sequence[str]:
        rows = await self._connection.execute(HELD_STEADILY if are_steady else HELD, {"owner": owner})
        return [row.event_id for row in rows]

    async def owners(self) -> Sequence[str]:
        rows = await self._connection.execute(select(E.lease_owner).where(E.lease_owner != NOBODY).distinct())
        return [row.lease_owner for row in rows]

    async def read(self, event_ids: Collection[str]) -> Sequence[StoredEvent]:
        wanted = select(E.event_id, E.body, E.taken_from).where(E.event_id.in_(list(event_ids))).order_by(E.number)
        return [StoredEvent(row.event_id, bytes(row.body), row.taken_from) for row in await self._connection.execute(wanted)]

    async def give_up(self, owner: str) -> None:
        await self._connection.execute(update(t.audit_events).where(E.lease_owner == owner).values(lease_until=0))

    async def remove(self, event_ids: Collection[str]) -> None:
        await self._connection.execute(delete(t.audit_events).where(E.event_id.in_(list(event_ids))))

    async def _lease(self, owner: str, where: ColumnElement[bool]) -> int:
        return int((await self._connection.execute(lease(where), {"owner": owner})).rowcount)
