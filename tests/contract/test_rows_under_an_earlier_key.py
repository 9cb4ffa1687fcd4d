"""Rows under an earlier key-encryption key: found page by page, moved, and none is left when that key goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import create_async_engine
from tests.cache_memory import cache_memory
from tests.contract.many_keys import ACCOUNT, id_of, key_of
from tests.reported_events import ReportedEvents

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.store_sql import tables as t
from meridian.adapters.store_sql.dialects import async_url
from meridian.adapters.store_sql.keys import material_values
from meridian.adapters.store_sql.store import SqlStore
from meridian.adapters.store_sql.wrapped_rows import kek_name
from meridian.administration.keyring import rotate_kek
from meridian.domain.key import KeyMaterial
from meridian.domain.limits import Limits
from meridian.engine.engine import EngineSurroundings, open_engine
from meridian.engine.seals import FileSeal
from meridian.ports.store.keyring import FIRST_WRAPPED, WrappedKey
from meridian.ports.store.region import RegionIdentity
from meridian.workers import rewrap
from meridian.workers.rewrap import RewrapWorker

ACTIVE = 7
NAMES = (b"", b"\x00", kek_name(ACTIVE - 1), kek_name(ACTIVE), kek_name(ACTIVE + 1), b"\xff" * 4)
"""Of key-encryption keys, as rows name them; some are of rows that nobody wrote."""

GONE = KeyMaterial("gone", 9, 1, b"")
"""Deleted material: its row is left."""


class Unheard:
    def forget(self, account: str, key_id: str) -> None: ...


async def execute(url: str, *statements: Any) -> None:
    engine = create_async_engine(async_url(url))
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(statement)
    await engine.dispose()


@pytest.mark.asyncio
async def test_they_are_read_page_by_page_whatever_they_name(database_url: str) -> None:
    names = {"account": ACCOUNT}
    rows = []
    for number, name in enumerate(NAMES):
        made = [KeyMaterial(f"{n}", n, 1, b"MW\x01\x01" + name + (b"x" if len(name) == len(kek_name(0)) else b"")) for n in range(2)]
        rows += [names | {"key_id": id_of(number), "material_id": m.material_id} | material_values(m) for m in (*made, GONE)]
    await execute(database_url, *[insert(t.materials).values(row) for row in rows])
    store, found = SqlStore.connect(database_url), [FIRST_WRAPPED]
    async with store.reading() as uow:
        while page := await uow.keyring.keys_wrapped_otherwise(ACTIVE, after=found[-1], limit=2):
            found += page
    await store.close()
    assert found[1:] == [WrappedKey(name, ACCOUNT, id_of(number)) for number, name in enumerate(NAMES) if name != kek_name(ACTIVE)]


class Turning(NamedTuple):
    """A Region with some keys, and a new key-encryption key."""

    url: str
    store: SqlStore
    worker: RewrapWorker

    async def left(self) -> set[str]:
        """Ids of the keys under the first one."""
        async with self.store.reading() as uow:
            return {each.key_id for each in await uow.keyring.keys_wrapped_otherwise(2, after=FIRST_WRAPPED, limit=99)}

    async def keks(self) -> list[int]:
        async with self.store.reading() as uow:
            return [row.kek_number for row in await uow.keyring.keks()]


@pytest_asyncio.fixture
async def turning(database_url: str, tmp_path: Path) -> AsyncIterator[Turning]:
    store, clock, entropy, events = SqlStore.connect(database_url), SystemClock(), OsEntropy(), ReportedEvents()
    identity = RegionIdentity("deployment", "aws", "us-east-1", 0, datetime(2026, 1, 1, tzinfo=UTC))
    (tmp_path / "seal").write_bytes(bytes(32))
    (tmp_path / "seal").chmod(0o600)
    seals = [FileSeal(tmp_path / "seal")]
    async with store.transaction() as uow:
        await uow.region.initialise(identity)
    engine = await open_engine(store, identity, seals, EngineSurroundings(clock, entropy, events, cache_memory()))
    async with store.transaction() as uow:
        for number in range(6):
            bare = replace(key_of(0), key_id=id_of(number), materials=())
            await uow.keys.insert(bare.with_material(engine.symmetric_keys.new_material(bare, None), current=True))
    await rotate_kek(store, seals, entropy)
    unheard: Any = Unheard()
    worker = RewrapWorker(
        store=store,
        keyring=engine.region_keyring,
        materials=engine.symmetric_keys,
        directory=unheard,
        limits=replace(Limits(), kek_settle_seconds=0, kek_retention_days=0),
        clock=clock,
        events=events,
    )
    yield Turning(database_url, store, worker)
    await store.close()


@pytest.mark.asyncio
async def test_the_earlier_key_goes_once_nothing_is_under_it(turning: Turning, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrap, "KEYS_PER_LOOK", 2)
    left = [await turning.left()]
    while left[-1]:
        await turning.worker.look()
        left.append(await turning.left())
    assert [len(each) for each in left] == [6, 4, 2, 0]
    assert await turning.keks() == [1, 2], "what was seen before is no proof"
    await turning.worker.look()
    await turning.worker.look()
    assert await turning.keks() == [2]


@pytest.mark.asyncio
async def test_more_rows_than_a_page_that_do_not_open_keep_no_other_back(turning: Turning, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrap, "KEYS_PER_LOOK", 2)
    spoilt = {id_of(number) for number in range(4)}
    broken = b"MW\x01\x01" + kek_name(1) + bytes(100)
    await execute(turning.url, *[update(t.materials).where(t.materials.c.key_id == each).values(sealed_bytes=broken) for each in spoilt])
    for _ in range(4):
        await turning.worker.look()
    assert await turning.left() == spoilt
    assert len(turning.worker.aside) == len(spoilt)
    assert await turning.keks() == [1, 2]
