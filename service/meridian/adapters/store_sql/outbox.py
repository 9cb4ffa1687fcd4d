"""Intentions to tell other Regions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, insert, or_, select, true, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import NullType

from meridian.adapters.store_sql import tables as t
from meridian.adapters.store_sql.read_rows import read_rows
from meridian.domain.foreign_text import printable
from meridian.ports.store.faults import ROW_FAULTS
from meridian.ports.store.outbox import Backlog, OutboxEntry
from meridian.ports.store.rows import Rows

SEQUENCE = "outbox"
ERROR_CHARACTERS_MAX = 200


class SqlOutbox:
    """Implements `ports.store.outbox.Outbox`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, kind: str, target_region: str, account: str, key_id: str, *, request_id: str, now: datetime) -> None:
        values = {
            "kind": kind,
            "target_region": target_region,
            "account": account,
            "key_id": key_id,
            "request_id": request_id,
            "sequence": await self._next_sequence(1),
            "attempts": 0,
            "due_at": now,
            "lease_owner": "",
            "lease_until": None,
            "last_error": "",
            "created_at": now,
        }
        where = [t.outbox.c[name] == values[name] for name in ("kind", "target_region", "account", "key_id")]
        await self._connection.execute(delete(t.outbox).where(*where))
        await self._connection.execute(insert(t.outbox).values(values))

    async def claim_due(
        self, target_region: str, *, now: datetime, lease_owner: str, lease_seconds: float, limit: int
    ) -> Rows[OutboxEntry]:
        free = or_(t.outbox.c.lease_until.is_(None), t.outbox.c.lease_until <= now)
        rows = await self._connection.execute(
            select(t.outbox.c.sequence)
            .where(t.outbox.c.target_region == target_region, t.outbox.c.due_at <= now, free)
            .order_by(t.outbox.c.due_at, t.outbox.c.sequence)
            .limit(limit)
        )
        sequences = [row.sequence for row in rows]
        if not sequences:
            return Rows((), ())
        until = now + timedelta(seconds=lease_seconds)
        claimed = {"lease_owner": lease_owner, "lease_until": until, "attempts": t.outbox.c.attempts + 1}
        first = await self._next_sequence(len(sequences))
        # The body is read when it is sent, and may say more at each attempt: one sequence never stands for two bodies.
        for number, sequence in enumerate(sequences, first):
            await self._connection.execute(update(t.outbox).where(t.outbox.c.sequence == sequence).values(sequence=number, **claimed))
        # These and no others: a row whose number is beyond the counter, as nobody here writes one, is due when it says.
        own = t.outbox.c.sequence.between(first, first + len(sequences) - 1)
        query = select(*t.outbox.c).where(own).order_by(t.outbox.c.sequence)
        return await read_rows(self._connection, t.outbox, query, read_entry)

    async def has_for(self, target_region: str) -> bool:
        waiting = select(t.outbox.c.sequence).where(t.outbox.c.target_region == target_region).limit(1)
        return (await self._connection.execute(waiting)).first() is not None

    async def delivered(self, entry: OutboxEntry) -> None:
        await self._connection.execute(delete(t.outbox).where(t.outbox.c.sequence == entry.sequence))

    async def failed(self, entry: OutboxEntry, *, due_at: datetime, error: str) -> None:
        released = {"due_at": due_at, "lease_owner": "", "lease_until": None, "last_error": printable(error, ERROR_CHARACTERS_MAX)}
        await self._connection.execute(update(t.outbox).where(t.outbox.c.sequence == entry.sequence).values(released))

    async def is_empty_for(self, account: str, key_id: str, *, left_out: Collection[str]) -> bool:
        c = t.outbox.c
        waiting = select(c.sequence).where(c.account == account, c.key_id == key_id, c.target_region.not_in(left_out)).limit(1)
        return (await self._connection.execute(waiting)).first() is None

    async def drop_all_but(self, targets: Collection[str]) -> Sequence[str]:
        others = t.outbox.c.target_region.not_in(targets)
        found = await self._connection.execute(select(t.outbox.c.target_region).distinct().where(others))
        regions = sorted(row.target_region for row in found)
        await self._connection.execute(delete(t.outbox).where(others))
        return regions

    async def backlogs(self) -> Sequence[Backlog]:
        return await self._backlogs(true())

    async def backlogs_of(self, account: str) -> Sequence[Backlog]:
        return await self._backlogs(t.outbox.c.account == account)

    async def _backlogs(self, which: ColumnElement[bool]) -> Sequence[Backlog]:
        c = t.outbox.c
        # As the database has it: one row that nobody wrote must not keep the others from being counted.
        entries, oldest = func.count().label("entries"), type_coerce(func.min(c.created_at), NullType()).label("oldest")
        rows = await self._connection.execute(select(c.target_region, entries, oldest).where(which).group_by(c.target_region))
        return [Backlog(str(row.target_region), row.entries, _moment(row.oldest)) for row in rows]

    async def list(self, *, limit: int) -> Rows[OutboxEntry]:
        query = select(*t.outbox.c).order_by(t.outbox.c.sequence).limit(limit)
        return await read_rows(self._connection, t.outbox, query, read_entry)

    async def _next_sequence(self, count: int) -> int:
        """The first of so many sequences that nobody has used."""
        more = {"value": t.counters.c.value + count}
        done = await self._connection.execute(update(t.counters).where(t.counters.c.name == SEQUENCE).values(more))
        if done.rowcount == 0:
            await self._connection.execute(insert(t.counters).values(name=SEQUENCE, value=count))
        found = await self._connection.execute(select(t.counters.c.value).where(t.counters.c.name == SEQUENCE))
        return int(found.scalar_one()) - count + 1


def _moment(raw: Any) -> datetime | None:
    try:
        return t.EPOCH + int(raw) * t.MICROSECOND
    except ROW_FAULTS:
        return None


def read_entry(row: Row[Any]) -> OutboxEntry:
    """An entry as the database has it. Raises: one of ROW_FAULTS."""
    return OutboxEntry(
        kind=row.kind,
        target_region=row.target_region,
        account=row.account,
        key_id=row.key_id,
        request_id=row.request_id,
        sequence=row.sequence,
        attempts=row.attempts,
        due_at=row.due_at,
        lease_owner=row.lease_owner,
        last_error=row.last_error,
        created_at=row.created_at,
    )
