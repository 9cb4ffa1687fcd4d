"""Keys, their tags, aliases and materials."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from meridian.adapters.store_sql import tables as t
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin, WrappedMaterial
from meridian.ports.store import VersionConflict

KEY_COLUMNS = tuple(t.keys.c)


class SqlKeys:
    """Implements `ports.store.Keys`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, account: str, key_id: str) -> Key | None:
        return await self._one(t.keys.c.account == account, t.keys.c.key_id == key_id)

    async def find_by_number(self, number: bytes, *, multi_region: bool) -> Key | None:
        return await self._one(t.keys.c.number == number, t.keys.c.multi_region == multi_region)

    async def insert(self, key: Key) -> None:
        taken = await self._connection.execute(
            select(t.keys.c.key_id).where(t.keys.c.number == key.number, t.keys.c.multi_region == (key.multi_region is not None))
        )
        if taken.first() is not None:
            raise VersionConflict("a key of this number exists")
        await self._connection.execute(insert(t.keys).values(_values(key)))
        await self._add_tags(key)
        await self._add_materials(key, known=frozenset())
        await self._note_change(key)

    async def update(self, key: Key) -> Key:
        stored = replace(key, version=key.version + 1)
        done = await self._connection.execute(
            update(t.keys)
            .where(t.keys.c.account == key.account, t.keys.c.key_id == key.key_id, t.keys.c.version == key.version)
            .values(_values(stored))
        )
        if done.rowcount != 1:
            raise VersionConflict("the key has another version")
        await self._connection.execute(delete(t.key_tags).where(*_same_key(t.key_tags, key)))
        await self._add_tags(key)
        rows = await self._connection.execute(select(t.materials.c.material_id).where(*_same_key(t.materials, key)))
        await self._add_materials(key, known=frozenset(row.material_id for row in rows))
        await self._note_change(key)
        return stored

    async def delete(self, key: Key) -> None:
        done = await self._connection.execute(
            delete(t.keys).where(t.keys.c.account == key.account, t.keys.c.key_id == key.key_id, t.keys.c.version == key.version)
        )
        if done.rowcount != 1:
            raise VersionConflict("the key has another version")
        for table in (t.key_tags, t.aliases, t.materials):
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

    async def _one(self, *where: Any) -> Key | None:
        row = (await self._connection.execute(select(*KEY_COLUMNS).where(*where))).first()
        if row is None:
            return None
        tags = await self._connection.execute(
            select(t.key_tags.c.tag_key, t.key_tags.c.tag_value)
            .where(t.key_tags.c.account == row.account, t.key_tags.c.key_id == row.key_id)
            .order_by(t.key_tags.c.tag_key)
        )
        names = await self._connection.execute(
            select(t.aliases.c.alias_name)
            .where(t.aliases.c.account == row.account, t.aliases.c.key_id == row.key_id)
            .order_by(t.aliases.c.alias_name)
        )
        rows = await self._connection.execute(
            select(t.materials.c.material_id, t.materials.c.rotation_number, t.materials.c.row_version, t.materials.c.sealed_bytes)
            .where(t.materials.c.account == row.account, t.materials.c.key_id == row.key_id)
            .order_by(t.materials.c.rotation_number)
        )
        return _key(
            row,
            tuple((tag.tag_key, tag.tag_value) for tag in tags),
            tuple(name.alias_name for name in names),
            tuple(WrappedMaterial(m.material_id, m.rotation_number, m.row_version, bytes(m.sealed_bytes)) for m in rows),
        )

    async def _add_tags(self, key: Key) -> None:
        for tag_key, tag_value in key.tags:
            values = {"account": key.account, "key_id": key.key_id, "tag_key": tag_key, "tag_value": tag_value}
            await self._connection.execute(insert(t.key_tags).values(values))

    async def _add_materials(self, key: Key, known: frozenset[str]) -> None:
        for material in key.materials:
            if material.material_id not in known:
                values = {
                    "account": key.account,
                    "key_id": key.key_id,
                    "material_id": material.material_id,
                    "rotation_number": material.rotation_number,
                    "row_version": material.row_version,
                    "sealed_bytes": material.sealed_bytes,
                }
                await self._connection.execute(insert(t.materials).values(values))

    async def _note_change(self, key: Key) -> None:
        await self._connection.execute(insert(t.changes).values(account=key.account, key_id=key.key_id))


def _same_key(table: Any, key: Key) -> tuple[Any, Any]:
    return table.c.account == key.account, table.c.key_id == key.key_id


def _values(key: Key) -> dict[str, Any]:
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
        "state": str(key.state),
        "created_at": key.created_at,
        "version": key.version,
        "description": key.description,
        "primary_region": role.primary_region if role else "",
        "replica_regions": json.dumps(role.replica_regions if role else ()),
        "current_material_id": key.current_material_id,
        "policy": key.policy,
        "policy_version": key.policy_version,
        "account_delegation": key.account_delegation,
        "custom_key_store_id": key.custom_key_store_id,
    }


def _key(row: Row[Any], tags: tuple[tuple[str, str], ...], aliases: tuple[str, ...], materials: tuple[WrappedMaterial, ...]) -> Key:
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
        multi_region=MultiRegionRole(row.primary_region, tuple(json.loads(row.replica_regions))) if row.multi_region else None,
        current_material_id=row.current_material_id,
        materials=materials,
        policy=row.policy,
        policy_version=row.policy_version,
        account_delegation=row.account_delegation,
        tags=tags,
        aliases=aliases,
        custom_key_store_id=row.custom_key_store_id,
    )
