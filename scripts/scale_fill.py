"""Fills a Region's database with keys that work: truly wrapped, in the rows that the store writes, but thousands at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import create_async_engine

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.security_events import UntoldEvents
from meridian.adapters.store_sql import tables as t
from meridian.adapters.store_sql.dialects import async_url
from meridian.adapters.store_sql.keys import key_values, material_values
from meridian.adapters.store_sql.store import SqlStore
from meridian.bootstrap.database import seals_of, stored_identity
from meridian.domain.bounded_cache import Caches
from meridian.domain.identifiers import key_id_of
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, Origin
from meridian.engine.engine import CryptoEngine, EngineSurroundings, open_engine
from meridian.settings import Settings

ACCOUNT = "111122223333"
AT_ONCE = 2_000
CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def alias_of(number: int) -> str:
    return f"alias/scale-{number:06d}"


async def fill(settings: Settings, count: int) -> list[str]:
    """The ids of the keys that are there now, each with an alias that has its number in this list."""
    engine = await _engine_of(settings)
    database = create_async_engine(async_url(settings.database))
    ids: list[str] = []
    try:
        for at in range(0, count, AT_ONCE):
            keys = [_new_key(engine, settings) for _ in range(min(AT_ONCE, count - at))]
            async with database.begin() as connection:
                await connection.execute(insert(t.keys), [key_values(key) for key in keys])
                await connection.execute(insert(t.materials), [_material_row(key) for key in keys])
                await connection.execute(insert(t.aliases), [_alias_row(key, number) for number, key in enumerate(keys, at)])
            ids += [key.key_id for key in keys]
    finally:
        await database.dispose()
    return ids


async def _engine_of(settings: Settings) -> CryptoEngine:
    store = SqlStore.connect(settings.database)
    try:
        identity = await stored_identity(store, settings)
        caches = Caches(settings.limits.cache_bytes)
        return await open_engine(
            store, identity, seals_of(settings), EngineSurroundings(SystemClock(), OsEntropy(), UntoldEvents(), caches)
        )
    finally:
        await store.close()


def _new_key(engine: CryptoEngine, settings: Settings) -> Key:
    key = Key(
        partition=settings.partition,
        region=settings.region,
        account=ACCOUNT,
        key_id=key_id_of(OsEntropy().random_bytes(16), multi_region=False),
        key_spec=KeySpec.SYMMETRIC_DEFAULT,
        key_usage=KeyUsage.ENCRYPT_DECRYPT,
        origin=Origin.AWS_KMS,
        state=KeyState.ENABLED,
        created_at=CREATED,
    )
    return replace(key, description="of many").with_material(engine.symmetric_keys.new_material(key, None), current=True)


def _material_row(key: Key) -> dict[str, Any]:
    (material,) = key.materials
    return {"account": key.account, "key_id": key.key_id, "material_id": material.material_id} | material_values(material)


def _alias_row(key: Key, number: int) -> dict[str, Any]:
    return {
        "account": key.account,
        "key_id": key.key_id,
        "alias_name": alias_of(number),
        "created_at": key.created_at,
        "updated_at": key.created_at,
    }
