"""What this Region keeps about sets of related keys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.adapters.store_sql.look_statements import RESERVED
from meridian.adapters.store_sql.read_rows import read_rows
from meridian.domain.multi_region import Held, Member, MemberStatus, RowStatus, SetMaterial, SetRow, SetState, Term, TermLink, ToldLost
from meridian.ports.store.faults import VersionConflict
from meridian.ports.store.key_sets import RelatedKeys, SetPage
from meridian.ports.store.rows import Rows

COLUMNS = tuple(t.key_sets.c)


class SqlKeySets:
    """Implements `ports.store.key_sets.KeySets`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, account: str, key_id: str) -> SetRow | None:
        query = select(*COLUMNS).where(t.key_sets.c.account == account, t.key_sets.c.key_id == key_id)
        row = (await self._connection.execute(query)).first()
        return None if row is None else read_set_row(row)

    async def insert(self, row: SetRow) -> None:
        if await self.find(row.account, row.key_id) is not None:
            raise VersionConflict("the set has a row")
        await self._connection.execute(insert(t.key_sets).values(_values(row)))

    async def update(self, row: SetRow) -> SetRow:
        stored = replace(row, version=row.version + 1)
        done = await self._connection.execute(
            update(t.key_sets)
            .where(t.key_sets.c.account == row.account, t.key_sets.c.key_id == row.key_id, t.key_sets.c.version == row.version)
            .values(_values(stored))
        )
        if done.rowcount != 1:
            raise VersionConflict("the set's row has another version")
        return stored

    async def count_related(self, account: str, *, limit: int) -> Sequence[RelatedKeys]:
        c = t.keys.c
        regions = (c.primary_region, c.replica_regions)
        query = (
            select(*regions, func.count()).where(c.account == account, c.multi_region).group_by(*regions).order_by(*regions).limit(limit)
        )
        rows = (await self._connection.execute(query)).all()
        return [RelatedKeys(primary, tuple(json.loads(replicas)), number) for primary, replicas, number in rows]

    async def list_reserved(self, *, prepared_by: str, before: datetime, limit: int) -> Rows[SetRow]:
        wanted = {"prepared_by": prepared_by, "moment": before, "most": limit}
        return await read_rows(self._connection, t.key_sets, RESERVED, read_set_row, wanted)

    async def count_reserved(self, account: str, *, prepared_by: str, most: int) -> int:
        c = t.key_sets.c
        found = select(c.key_id).where(c.status == str(RowStatus.RESERVED), c.prepared_by == prepared_by, c.account == account)
        counted = await self._connection.execute(select(func.count()).select_from(found.limit(most).subquery()))
        return int(counted.scalar_one())

    async def list_members(self, *, after: tuple[str, str], limit: int, unsettled: bool = False) -> SetPage:
        c = t.key_sets.c
        query = select(*COLUMNS).where(tuple_(c.account, c.key_id) > after).order_by(c.account, c.key_id).limit(limit)
        if unsettled:
            query = query.where(text(f"({t.IS_UNSETTLED})"))
        # Said as what it is not: asked what it is, SQLite would take the index of states, and sort all sets for each page.
        is_member = c.status.not_in((str(RowStatus.NONE), str(RowStatus.GONE)))
        found = await read_rows(self._connection, t.key_sets, query.where(is_member), read_set_row)
        unreadable = [(row.name[0], row.name[1], row.fault) for row in found.unreadable]
        names = [(row.account, row.key_id) for row in found] + [(account, key_id) for account, key_id, _ in unreadable]
        return SetPage(found.read, tuple(unreadable), max(names) if len(names) == limit else None)

    async def mark_stale(self) -> int:
        c = t.key_sets.c
        restored = {"stale": True, "held": "[]", "told_lost": "[]", "version": c.version + 1}
        done = await self._connection.execute(update(t.key_sets).where(c.status == str(RowStatus.LIVE)).values(restored))
        await self._connection.execute(update(t.keys).where(t.keys.c.multi_region).values(is_behind=True, version=t.keys.c.version + 1))
        await self._connection.execute(delete(t.outbox))
        return int(done.rowcount)


def _values(row: SetRow) -> dict[str, Any]:
    return {
        "account": row.account,
        "key_id": row.key_id,
        "status": str(row.status),
        "serial": row.serial,
        "view": _encode_view(row.view),
        "signed_view": row.signed_view,
        "held": json.dumps(sorted(row.held)),
        "links": json.dumps([(link.signed.hex(), link.public_key.hex()) for link in row.links]),
        "signed_key": row.signed_key,
        "stale": row.stale,
        "lost": json.dumps(sorted(row.lost)),
        "successor": row.successor,
        "rejoin": row.rejoin,
        "told_lost": json.dumps(sorted(row.told_lost)),
        "prepared_by": row.prepared_by,
        "reserved_at": row.reserved_at,
        "request_id": row.request_id,
        "refused_serials": json.dumps(sorted(row.refused_serials)),
        "version": row.version,
    }


def read_set_row(row: Row[Any]) -> SetRow:
    """A set as the database has it. Raises: one of ROW_FAULTS."""
    return SetRow(
        account=row.account,
        key_id=row.key_id,
        status=RowStatus(row.status),
        serial=row.serial,
        view=_decode_view(row.view),
        signed_view=bytes(row.signed_view),
        held=frozenset(Held(*entry) for entry in json.loads(row.held)),
        links=tuple(TermLink(bytes.fromhex(signed), bytes.fromhex(public)) for signed, public in json.loads(row.links)),
        signed_key=bytes(row.signed_key),
        stale=row.stale,
        lost=frozenset(json.loads(row.lost)),
        successor=row.successor,
        rejoin=row.rejoin,
        told_lost=frozenset(ToldLost(*told) for told in json.loads(row.told_lost)),
        prepared_by=row.prepared_by,
        reserved_at=row.reserved_at,
        request_id=row.request_id,
        refused_serials=frozenset(json.loads(row.refused_serials)),
        version=row.version,
    )


def _encode_view(view: SetState | None) -> str:
    if view is None:
        return ""
    return json.dumps(
        {
            "term": view.term,
            "version": view.version,
            "primary": view.primary,
            "issuer": view.issuer,
            "members": [(m.region, m.serial, m.status) for m in view.members],
            "materials": view.materials,
            "current": view.current,
            "pending": view.pending,
            "rotation_period_in_days": view.rotation_period_in_days,
            "next_rotation_us": view.next_rotation_us,
            "on_demand_started_us": view.on_demand_started_us,
            "on_demand_rotations": view.on_demand_rotations,
        }
    )


def _decode_view(text: str) -> SetState | None:
    if not text:
        return None
    view = json.loads(text)
    return SetState(
        term=Term(*view["term"]),
        version=view["version"],
        primary=view["primary"],
        issuer=view["issuer"],
        members=tuple(Member(region, serial, MemberStatus(status)) for region, serial, status in view["members"]),
        materials=tuple(SetMaterial(*material) for material in view["materials"]),
        current=view["current"],
        pending=view["pending"],
        rotation_period_in_days=view.get("rotation_period_in_days", 0),
        next_rotation_us=view.get("next_rotation_us", 0),
        on_demand_started_us=view.get("on_demand_started_us", 0),
        on_demand_rotations=view.get("on_demand_rotations", 0),
    )
