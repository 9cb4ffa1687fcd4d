"""Attempts to connect key stores hold up neither each other nor a disconnection, and accounts take turns."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
from tests.databases import migrated_sqlite
from tests.reported_events import ReportedEvents
from tests.standing_proxy import standing_proxy
from tests.xks_in_process import ACCOUNT, Outside, outside, said_of

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.domain.key import Origin
from meridian.domain.key_store import ConnectionState
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.key_store import AskedFor, KeyStoreConnections
from meridian.ports.store.key_stores import KeyStoreRow
from meridian.workers.key_stores import AT_ONCE, OF_ONE_ACCOUNT, KeyStoreWorker
from meridian.workers.periodic import Wake

CONNECTING, CONNECTED = ConnectionState.CONNECTING, ConnectionState.CONNECTED
OTHERS = [f"{n:012}" for n in range(1, 1 + AT_ONCE // OF_ONE_ACCOUNT)]


class Connections:
    """Stores of one account hang until the end."""

    def __init__(self) -> None:
        self.hanging: Counter[str] = Counter()
        self.asked: list[str] = []
        self.goes_on = asyncio.Event()

    async def connect(self, store: KeyStoreRow, asked: AskedFor) -> str:
        self.asked.append(store.store_id)
        if store.account == ACCOUNT:
            self.hanging[store.account] += 1
            await self.goes_on.wait()
        return ""

    def disconnect(self, account: str, store_id: str) -> None: ...


class Forgetful:
    def forget(self, account: str, store_id: str) -> None: ...


class World:
    def __init__(self, beside: Outside) -> None:
        self.beside, self.connections, self.wake = beside, Connections(), Wake()
        self.worker = KeyStoreWorker(
            store=beside.store,
            kinds={Origin.EXTERNAL_KEY_STORE: cast(KeyStoreConnections, self.connections)},
            directory=cast(KeyDirectory, Forgetful()),
            entropy=OsEntropy(),
            clock=SystemClock(),
            events=ReportedEvents(),
            release=self.release,
            wake=self.wake,
        )

    async def release(self) -> None: ...

    async def add(self, account: str, state: ConnectionState = CONNECTING) -> KeyStoreRow:
        row = replace(self.beside.row("/m"), account=account, state=state)
        async with self.beside.store.transaction() as uow:
            await uow.key_stores.insert(row)
        return row

    async def state(self, row: KeyStoreRow) -> Any:
        async with self.beside.store.reading() as uow:
            found = await uow.key_stores.find(row.account, row.store_id)
        assert found is not None
        return found.state

    async def settled(self, row: KeyStoreRow, state: ConnectionState) -> None:
        async with asyncio.timeout(5):
            while await self.state(row) is not state:
                await self.wake.wait(0.05)
                self.wake.clear()
                await self.worker.settle()


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    path = await asyncio.to_thread(migrated_sqlite)
    async with outside(tmp_path, path, said_of(standing_proxy()), standing_proxy()) as beside:
        made = World(beside)
        yield made
        await made.worker.close()


@pytest.mark.asyncio
async def test_a_store_that_hangs_holds_up_no_other(world: World) -> None:
    hanging = [await world.add(ACCOUNT) for _ in range(2 * AT_ONCE)]
    async with asyncio.timeout(5):
        for _ in range(3):
            await world.worker.settle()
    assert world.connections.hanging[ACCOUNT] <= OF_ONE_ACCOUNT
    others = [await world.add(account) for account in OTHERS]
    for row in others:
        await world.settled(row, CONNECTED)
    leaving = await world.add(ACCOUNT, ConnectionState.DISCONNECTING)
    await world.settled(leaving, ConnectionState.DISCONNECTED)
    assert world.connections.hanging[ACCOUNT] == OF_ONE_ACCOUNT
    world.connections.goes_on.set()
    for row in hanging:
        await world.settled(row, CONNECTED)
    assert Counter(world.connections.asked) == Counter(row.store_id for row in (*hanging, *others)), "each is asked once"


@pytest.mark.asyncio
async def test_an_attempt_under_way_is_ended_with_the_worker(world: World) -> None:
    row = await world.add(ACCOUNT)
    await world.worker.settle()
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await world.worker.close()
    assert await world.state(row) is CONNECTING
