"""Audit events that wait to be written to a stream, and which one writes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, and_, case, cast, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.adapters.store_sql.dialects import seconds_now
from meridian.ports.store.audit_events import LEASE_SECONDS, NOBODY, STEADY_SECONDS, StoredEvent

E = t.audit_events.c
MICROSECONDS: Final = 1_000_000
RENEWED_SECONDS: Final = (LEASE_SECONDS + STEADY_SECONDS) / 2


class SqlAuditEvents:
    """Implements `ports.store.audit_events.AuditEvents`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def insert(self, event_id: str, body: bytes, *, owner: str) -> None:
        until = self._now(LEASE_SECONDS) if owner != NOBODY else 0
        values = {"event_id": event_id, "body": body, "lease_owner": owner, "lease_until": until, "taken_from": NOBODY}
        await self._connection.execute(insert(t.audit_events).values(values))

    async def claim(self, owner: str, *, limit: int) -> None:
        # No lease ends later than one that begins now, but where the database's clock has gone back.
        too_long = update(t.audit_events).where(E.lease_until > self._now(LEASE_SECONDS))
        await self._connection.execute(too_long.values(lease_until=self._now(LEASE_SECONDS)))
        is_own = and_(E.lease_owner == owner, E.lease_until <= self._now(RENEWED_SECONDS))
        free = select(E.number).where(or_(is_own, E.lease_until <= self._now(0))).order_by(E.number).limit(limit)
        # Writers come one at a time, so a row is free or it is not; the lock is for whoever would write beside that rule.
        await self._lease(owner, E.number.in_(free.with_for_update(skip_locked=True)))

    async def take(self, owner: str, *, before: str) -> None:
        await self._lease(owner, E.lease_owner == before)

    async def hold(self, owner: str, event_id: str) -> bool:
        return await self._lease(owner, and_(E.lease_owner == owner, E.event_id == event_id)) > 0

    async def held(self, owner: str, *, are_steady: bool) -> Sequence[str]:
        steady = [E.lease_until > self._now(STEADY_SECONDS)] if are_steady else []
        rows = await self._connection.execute(select(E.event_id).where(E.lease_owner == owner, *steady).order_by(E.number))
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
        values = {
            "taken_from": case((E.lease_owner == owner, E.taken_from), else_=E.lease_owner),
            "lease_owner": owner,
            "lease_until": self._now(LEASE_SECONDS),
        }
        return int((await self._connection.execute(update(t.audit_events).where(where).values(values))).rowcount)

    def _now(self, seconds_later: float) -> ColumnElement[Any]:
        """The database's clock in microseconds, so many seconds later."""
        return cast((seconds_now(self._connection.dialect) + seconds_later) * MICROSECONDS, BigInteger)
