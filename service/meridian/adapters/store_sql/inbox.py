"""Events of other Regions that were applied here."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.ports.store.faults import VersionConflict

NEVER: Final = -1


class SqlInbox:
    """Implements `ports.store.inbox.Inbox`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def record(self, source_region: str, incarnation: int, sequence: int, digest: bytes, *, now: datetime) -> bool:
        known = await self._connection.execute(
            select(t.inbox.c.digest).where(
                t.inbox.c.source_region == source_region, t.inbox.c.incarnation == incarnation, t.inbox.c.sequence == sequence
            )
        )
        row = known.first()
        if row is not None:
            if bytes(row.digest) != digest:
                raise VersionConflict("another event has this place in the inbox")
            return False
        values = {"source_region": source_region, "incarnation": incarnation, "sequence": sequence, "digest": digest, "created_at": now}
        await self._connection.execute(insert(t.inbox).values(values))
        return True

    async def highest_incarnation(self, source_region: str) -> int:
        found = await self._connection.execute(select(func.max(t.inbox.c.incarnation)).where(t.inbox.c.source_region == source_region))
        told = await self._connection.execute(select(t.incarnations.c.incarnation).where(t.incarnations.c.region == source_region))
        return max(int(highest) for highest in (found.scalar_one(), told.scalar_one_or_none(), -1) if highest is not None)

    async def prune(self, *, before: datetime, limit: int) -> int:
        oldest = select(*t.inbox.primary_key.columns).where(t.inbox.c.created_at < before).order_by(t.inbox.c.created_at).limit(limit)
        names = [tuple(row) for row in await self._connection.execute(oldest)]
        for source_region in {region for region, _, _ in names}:
            seen = [incarnation for region, incarnation, _ in names if region == source_region and isinstance(incarnation, int)]
            await self.learn_incarnation(source_region, max(seen, default=NEVER))
        if names:
            await self._connection.execute(delete(t.inbox).where(tuple_(*t.inbox.primary_key.columns).in_(names)))
        return len(names)

    async def learn_incarnation(self, source_region: str, incarnation: int) -> None:
        told = await self._connection.execute(select(t.incarnations.c.incarnation).where(t.incarnations.c.region == source_region))
        if incarnation <= (told.scalar_one_or_none() or -1):
            return
        await self._connection.execute(delete(t.incarnations).where(t.incarnations.c.region == source_region))
        await self._connection.execute(insert(t.incarnations).values(region=source_region, incarnation=incarnation))

    async def forget_incarnations(self, source_region: str) -> None:
        await self._connection.execute(delete(t.inbox).where(t.inbox.c.source_region == source_region))
        await self._connection.execute(delete(t.incarnations).where(t.incarnations.c.region == source_region))
