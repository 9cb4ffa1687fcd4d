"""The register of audit streams and audit keys, and what else in the database records must tell of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.adapters.store_sql.look_statements import AUDIT_KEYS
from meridian.domain.identifiers import key_arn
from meridian.domain.key import KeyState
from meridian.ports.store.audit_streams import AuditKeyRow, KeyTrace, StreamHead, StreamRow, Verification
from meridian.ports.store.faults import VersionConflict

S, K, V = t.audit_streams.c, t.keys.c, t.audit_verifications.c
ONLY: Final = 1
"""The number of the one row of verifications."""
TO_BE_DELETED = (str(KeyState.PENDING_DELETION), str(KeyState.PENDING_REPLICA_DELETION))


class SqlAuditStreams:
    """Implements `ports.store.audit_streams.AuditStreams`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def open(self, stream: str, replica: str, *, now: datetime) -> None:
        if (await self._connection.execute(select(S.number).where(S.stream == stream))).first() is not None:
            raise VersionConflict("the stream is registered")
        values = {
            "stream": stream,
            "replica": replica,
            "opened_at": now,
            "head_sequence": -1,
            "head_hash": "",
            "digests": 0,
            "is_closed": False,
        }
        await self._connection.execute(insert(t.audit_streams).values(values))

    async def move(self, head: StreamHead, *, is_closed: bool) -> None:
        values = {"head_sequence": head.sequence, "head_hash": head.hash, "digests": head.digests, "is_closed": is_closed}
        await self._connection.execute(
            update(t.audit_streams).where(S.stream == head.stream, S.head_sequence <= head.sequence).values(values)
        )

    async def newest(self, replica: str) -> StreamRow | None:
        known = select(*S).where(S.replica == replica, S.head_sequence >= 0)
        row = (await self._connection.execute(known.order_by(S.number.desc()).limit(1))).first()
        return None if row is None else _row(row)

    async def last(self) -> StreamRow | None:
        row = (await self._connection.execute(select(*S).order_by(S.number.desc()).limit(1))).first()
        return None if row is None else _row(row)

    async def find(self, stream: str) -> StreamRow | None:
        row = (await self._connection.execute(select(*S).where(S.stream == stream))).first()
        return None if row is None else _row(row)

    async def list(self, *, after: int, limit: int) -> Sequence[StreamRow]:
        rows = await self._connection.execute(select(*S).where(S.number > after).order_by(S.number).limit(limit))
        return [_row(row) for row in rows]

    async def newest_of_all(self, *, limit: int) -> Sequence[StreamRow]:
        rows = await self._connection.execute(select(*S).order_by(S.number.desc()).limit(limit))
        return [_row(row) for row in rows]

    async def count(self) -> int:
        return int((await self._connection.execute(select(func.count()).select_from(t.audit_streams))).scalar_one())

    async def note_verification(self, made: Verification) -> None:
        await self._connection.execute(delete(t.audit_verifications))
        await self._connection.execute(insert(t.audit_verifications).values(only=ONLY, **asdict(made)))

    async def last_verification(self) -> Verification | None:
        row = (await self._connection.execute(select(*V))).first()
        return None if row is None else Verification(row.verified_at, row.verdict, row.findings, row.unproven, row.records, row.streams)

    async def keys(self) -> Sequence[AuditKeyRow]:
        rows = await self._connection.execute(AUDIT_KEYS)
        return [AuditKeyRow(row.number, bytes(row.public_key), bytes(row.signature), row.created_at) for row in rows]

    async def insert_key(self, row: AuditKeyRow) -> None:
        values = {"number": row.number, "public_key": row.public_key, "signature": row.signature, "created_at": row.created_at}
        await self._connection.execute(insert(t.audit_keys).values(values))

    async def events_stored(self, *, limit: int) -> Sequence[tuple[str, str]]:
        waiting = await self._connection.execute(select(t.audit_events.c.event_id).order_by(t.audit_events.c.number).limit(limit))
        uses = await self._connection.execute(select(t.key_usage.c.event_id, t.key_usage.c.key_id).limit(limit))
        told = [(row.event_id, "an event that waits to be written") for row in waiting]
        return told + [(row.event_id, f"the last use of key {row.key_id}") for row in uses]

    async def uses_stored(self, *, limit: int) -> Mapping[str, datetime]:
        uses = await self._connection.execute(select(t.key_usage.c.event_id, t.key_usage.c.used_at).limit(limit))
        return {row.event_id: row.used_at for row in uses}

    async def keys_stored(self, *, after: tuple[str, str], limit: int) -> Sequence[KeyTrace]:
        rows = await self._connection.execute(
            select(K.partition, K.region, K.account, K.key_id, K.created_at, K.state)
            .where(tuple_(K.account, K.key_id) > after)
            .order_by(K.account, K.key_id)
            .limit(limit)
        )
        return [
            KeyTrace(r.account, r.key_id, key_arn(r.partition, r.region, r.account, r.key_id), r.created_at, r.state in TO_BE_DELETED)
            for r in rows
        ]


def _row(r: Row[Any]) -> StreamRow:
    return StreamRow(r.number, r.replica, r.opened_at, StreamHead(r.stream, r.head_sequence, r.head_hash, r.digests), r.is_closed)
