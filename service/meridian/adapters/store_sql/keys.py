"""Keys, their tags, aliases and materials."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Row,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.adapters.store_sql.key_statements import KEY, MATERIALS, NAMES, TAGS
from meridian.adapters.store_sql.look_statements import DUE, NEXT_DUE
from meridian.adapters.store_sql.wrapped_rows import require_kek
from meridian.domain.key import (
    Key,
    KeyMaterial,
    KeySpec,
    KeyState,
    KeyUsage,
    MultiRegionRole,
    Origin,
    RotationSchedule,
    RotationType,
)
from meridian.domain.key_store import ConnectionState
from meridian.ports.store.faults import VersionConflict


class SqlKeys:
    """Implements `ports.store.keys.Keys`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, account: str, key_id: str) -> Key | None:
        named = {"account": account, "key_id": key_id}
        row = (await self._connection.execute(KEY, named)).first()
        if row is None:
            return None
        tags = await self._connection.execute(TAGS, named)
        # Sorted here: asked for an order by name, SQLite would walk all names of the account, which lie in it.
        names = await self._connection.execute(NAMES, named)
        key = read_key(
            row,
            tuple((tag.tag_key, tag.tag_value) for tag in tags),
            tuple(sorted(name.alias_name for name in names)),
            await self._materials(account, key_id),
        )
        return await self._in_its_store(key) if key.custom_key_store_id else key

    async def locate(self, account: str, key_id: str) -> tuple[str, str] | None:
        return await self._name(t.keys.c.account == account, t.keys.c.key_id == key_id)

    async def locate_number(self, number: bytes, *, multi_region: bool) -> tuple[str, str] | None:
        return await self._name(t.keys.c.number == number, t.keys.c.multi_region == multi_region)

    async def insert(self, key: Key) -> None:
        taken = await self._connection.execute(
            select(t.keys.c.key_id).where(t.keys.c.number == key.number, t.keys.c.multi_region == (key.multi_region is not None))
        )
        if taken.first() is not None:
            raise VersionConflict("a key of this number exists")
        await self._connection.execute(insert(t.keys).values(key_values(key)))
        await self._add_tags(key)
        await self._write_materials(key, stored={})
        await self._note_change(key)

    async def update(self, key: Key) -> Key:
        stored = replace(key, version=key.version + 1)
        done = await self._connection.execute(
            update(t.keys)
            .where(t.keys.c.account == key.account, t.keys.c.key_id == key.key_id, t.keys.c.version == key.version)
            .values(key_values(stored))
        )
        if done.rowcount != 1:
            raise VersionConflict("the key has another version")
        await self._connection.execute(delete(t.key_tags).where(*_same_key(t.key_tags, key)))
        await self._add_tags(key)
        await self._write_materials(key, stored={m.material_id: m for m in await self._materials(key.account, key.key_id)})
        await self._note_change(key)
        return stored

    async def delete(self, key: Key) -> None:
        done = await self._connection.execute(
            delete(t.keys).where(t.keys.c.account == key.account, t.keys.c.key_id == key.key_id, t.keys.c.version == key.version)
        )
        if done.rowcount != 1:
            raise VersionConflict("the key has another version")
        for table in (t.key_tags, t.aliases, t.materials, t.grants, t.key_usage):
            await self._connection.execute(delete(table).where(*_same_key(table, key)))
        await self._note_change(key)

    async def list_ids(self, account: str, *, after: str, limit: int) -> Sequence[str]:
        rows = await self._connection.execute(
            select(t.keys.c.key_id).where(t.keys.c.account == account, t.keys.c.key_id > after).order_by(t.keys.c.key_id).limit(limit)
        )
        return [row.key_id for row in rows]

    async def count(self, account: str) -> int:
        found = await self._connection.execute(select(func.count()).select_from(t.keys).where(t.keys.c.account == account))
        return int(found.scalar_one())

    async def find_in_store(self, account: str, store_id: str, xks_key_id: str | None) -> str | None:
        c = t.keys.c
        query = select(c.key_id).where(c.account == account, c.custom_key_store_id == store_id).limit(1)
        row = (await self._connection.execute(query if xks_key_id is None else query.where(c.xks_key_id == xks_key_id))).first()
        return None if row is None else str(row.key_id)

    async def list_due(self, *, now: datetime, after: tuple[str, str], limit: int) -> Sequence[tuple[str, str]]:
        page = {"moment": now, "after_account": after[0], "after_name": after[1], "most": limit}
        return [(row.account, row.key_id) for row in await self._connection.execute(DUE, page)]

    async def next_due(self) -> datetime | None:
        at: datetime | None = (await self._connection.execute(NEXT_DUE)).scalar()
        return at

    async def list_updating(self, *, before: datetime, limit: int) -> Sequence[tuple[str, str]]:
        c = t.keys.c
        late = select(c.account, c.key_id).where(c.updating_until < before).order_by(c.updating_until, c.account, c.key_id).limit(limit)
        return [(row.account, row.key_id) for row in await self._connection.execute(late)]

    async def _name(self, *where: Any) -> tuple[str, str] | None:
        row = (await self._connection.execute(select(t.keys.c.account, t.keys.c.key_id).where(*where))).first()
        return None if row is None else (row.account, row.key_id)

    async def _in_its_store(self, key: Key) -> Key:
        """The key as the connection of its store lets it be; one whose store is not there is not to be had."""
        s = t.key_stores.c
        of_store = select(s.state, s.version, s.proxy).where(s.account == key.account, s.store_id == key.custom_key_store_id)
        store = (await self._connection.execute(of_store)).first()
        if store is None:
            return key.in_store(0, is_connected=False)
        key = replace(key, cloud_hsm_cluster_id=json.loads(store.proxy).get("cloud_hsm_cluster_id", ""))
        return key.in_store(store.version, is_connected=store.state == ConnectionState.CONNECTED)

    async def _materials(self, account: str, key_id: str) -> tuple[KeyMaterial, ...]:
        rows = await self._connection.execute(MATERIALS, {"account": account, "key_id": key_id})
        return tuple(read_material(row) for row in rows)

    async def _add_tags(self, key: Key) -> None:
        for tag_key, tag_value in key.tags:
            values = {"account": key.account, "key_id": key.key_id, "tag_key": tag_key, "tag_value": tag_value}
            await self._connection.execute(insert(t.key_tags).values(values))

    async def _write_materials(self, key: Key, stored: Mapping[str, KeyMaterial]) -> None:
        """Make the stored materials equal to the key's; the key's version has ruled out a lost change."""
        same_key = _same_key(t.materials, key)
        for material in key.materials:
            if material.is_present and stored.get(material.material_id) != material:
                await require_kek(self._connection, material.sealed_bytes)
            values = material_values(material)
            if material.material_id not in stored:
                names = {"account": key.account, "key_id": key.key_id, "material_id": material.material_id}
                await self._connection.execute(insert(t.materials).values(names | values))
            elif stored[material.material_id] != material:
                await self._connection.execute(
                    update(t.materials).where(*same_key, t.materials.c.material_id == material.material_id).values(values)
                )
        for material_id in stored.keys() - {m.material_id for m in key.materials}:
            await self._connection.execute(delete(t.materials).where(*same_key, t.materials.c.material_id == material_id))

    async def _note_change(self, key: Key) -> None:
        await self._connection.execute(insert(t.changes).values(account=key.account, key_id=key.key_id))


def _same_key(table: Any, key: Key) -> tuple[Any, Any]:
    return table.c.account == key.account, table.c.key_id == key.key_id


def key_values(key: Key) -> dict[str, Any]:
    """The row of a key, as `read_key` reads it."""
    role = key.multi_region
    return {
        "account": key.account,
        "key_id": key.key_id,
        "number": key.number,
        "multi_region": role is not None,
        "partition": key.partition,
        "region": key.region,
        "key_spec": str(key.key_spec),
        "key_usage": str(key.key_usage),
        "origin": str(key.origin),
        "state": str(key.stored_state),
        "created_at": key.created_at,
        "version": key.version,
        "description": key.description,
        "primary_region": role.primary_region if role else "",
        "replica_regions": json.dumps(role.replica_regions if role else ()),
        "current_material_id": key.current_material_id,
        "policy": key.policy,
        "policy_document": key.policy_document,
        "policy_version": key.policy_version,
        "account_delegation": key.account_delegation,
        "custom_key_store_id": key.custom_key_store_id,
        "xks_key_id": key.xks_key_id,
        "pending_material_id": key.pending_material_id,
        "rotation_period_in_days": key.rotation.period_in_days if key.rotation else 0,
        "next_rotation_at": key.rotation.next_at if key.rotation else None,
        "on_demand_started_at": key.on_demand_started_at,
        "on_demand_rotations": key.on_demand_rotations,
        "deletion_at": key.deletion_at,
        "updating_until": key.updating_until,
        "deletion_window_in_days": key.deletion_window_in_days,
        "is_behind": role.is_behind if role else False,
    }


def material_values(material: KeyMaterial) -> dict[str, Any]:
    """The row of a material without the names of its key, as `read_material` reads it."""
    return {
        "rotation_number": material.rotation_number,
        "row_version": material.row_version,
        "sealed_bytes": material.sealed_bytes,
        "rotated_at": material.rotated_at,
        "rotation_type": str(material.rotation_type or ""),
        "description": material.description,
        "expires_at": material.expires_at,
    }


def read_material(row: Row[Any]) -> KeyMaterial:
    """A material as the database has it. Raises: one of ROW_FAULTS."""
    return KeyMaterial(
        material_id=row.material_id,
        rotation_number=row.rotation_number,
        row_version=row.row_version,
        sealed_bytes=bytes(row.sealed_bytes),
        rotated_at=row.rotated_at,
        rotation_type=RotationType(row.rotation_type) if row.rotation_type else None,
        description=row.description,
        expires_at=row.expires_at,
    )


def read_key(row: Row[Any], tags: tuple[tuple[str, str], ...], aliases: tuple[str, ...], materials: tuple[KeyMaterial, ...]) -> Key:
    """A key as the database has it. Raises: one of ROW_FAULTS."""
    return Key(
        partition=row.partition,
        region=row.region,
        account=row.account,
        key_id=row.key_id,
        key_spec=KeySpec(row.key_spec),
        key_usage=KeyUsage(row.key_usage),
        origin=Origin(row.origin),
        state=KeyState(row.state),
        created_at=row.created_at,
        version=row.version,
        description=row.description,
        multi_region=MultiRegionRole(row.primary_region, tuple(json.loads(row.replica_regions)), row.is_behind)
        if row.multi_region
        else None,
        current_material_id=row.current_material_id,
        materials=materials,
        policy=row.policy,
        policy_document=row.policy_document,
        policy_version=row.policy_version,
        account_delegation=row.account_delegation,
        tags=tags,
        aliases=aliases,
        custom_key_store_id=row.custom_key_store_id,
        xks_key_id=row.xks_key_id,
        pending_material_id=row.pending_material_id,
        rotation=RotationSchedule(row.rotation_period_in_days, row.next_rotation_at) if row.next_rotation_at else None,
        on_demand_started_at=row.on_demand_started_at,
        on_demand_rotations=row.on_demand_rotations,
        deletion_at=row.deletion_at,
        updating_until=row.updating_until,
        deletion_window_in_days=row.deletion_window_in_days,
    )
