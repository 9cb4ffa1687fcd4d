"""The Region's own row, and its change feed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.adapters.store_sql.look_statements import CHANGES_AFTER, NOW
from meridian.ports.store.faults import FeedPruned, VersionConflict
from meridian.ports.store.region import Change, RegionIdentity

PRUNED: Final = "changes_pruned"
"""The number of the newest row of the change feed that is there no more."""


class SqlRegion:
    """Implements `ports.store.region.Region`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def identity(self) -> RegionIdentity | None:
        row = (await self._connection.execute(select(*t.region.c))).first()
        if row is None:
            return None
        return RegionIdentity(row.deployment, row.partition, row.region, row.incarnation, row.created_at)

    async def initialise(self, identity: RegionIdentity) -> None:
        if await self.identity() is not None:
            raise VersionConflict("the Region has its names")
        values = {
            "only": 1,
            "deployment": identity.deployment,
            "partition": identity.partition,
            "region": identity.region,
            "incarnation": identity.incarnation,
            "created_at": identity.created_at,
        }
        await self._connection.execute(insert(t.region).values(values))

    async def begin_incarnation(self) -> int:
        await self._connection.execute(update(t.region).values(incarnation=t.region.c.incarnation + 1))
        return int((await self._connection.execute(select(t.region.c.incarnation))).scalar_one())

    async def empty(self) -> None:
        names = list(await self._connection.execute(select(t.keys.c.account, t.keys.c.key_id)))
        of_keys = (t.key_tags, t.aliases, t.materials, t.grants, t.key_usage, t.key_sets, t.outbox, t.import_keys)
        for table in (*of_keys, t.key_stores, t.answers, t.keys):
            await self._connection.execute(delete(table))
        for row in names:
            await self._connection.execute(insert(t.changes).values(account=row.account, key_id=row.key_id))

    async def changes_after(self, number: int, *, limit: int) -> Sequence[Change]:
        rows = await self._connection.execute(CHANGES_AFTER, {"after": number, "most": limit})
        changes = [Change(row.number, row.account, row.key_id) for row in rows]
        if changes:  # what was pruned was older than what is there: of a quiet feed nothing was
            pruned = await self._connection.execute(select(t.counters.c.value).where(t.counters.c.name == PRUNED))
            if number < (pruned.scalar_one_or_none() or 0):
                raise FeedPruned("the change feed begins later")
        return changes

    async def prune_changes(self, *, keep: int) -> int:
        last = await self.last_change() - keep
        done = await self._connection.execute(delete(t.changes).where(t.changes.c.number <= last))
        if done.rowcount:
            await self._connection.execute(delete(t.counters).where(t.counters.c.name == PRUNED))
            await self._connection.execute(insert(t.counters).values(name=PRUNED, value=last))
        return int(done.rowcount)

    async def now(self) -> datetime:
        found = await self._connection.execute(NOW)
        return datetime.fromtimestamp(float(found.scalar_one()), UTC)

    async def last_change(self) -> int:
        found = await self._connection.execute(select(func.max(t.changes.c.number)))
        return int(found.scalar_one() or 0)
