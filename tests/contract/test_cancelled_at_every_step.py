"""A caller may leave at any moment of a transaction: others write at once, his change is there as a whole or not at all, and nothing
that was begun for him is left running."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import Coroutine, Generator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event

from meridian.adapters.store_sql.store import SqlStore
from meridian.ports.store.audit_events import NOBODY

STEPS_MAX = 200
COLD_MAX = 3
"""Connections of a store that had none: one to write, one to read, and the one that was being opened when its caller left."""
AT_ONCE_SECONDS = 20.0
"""A test fails by a lock that stays, which lasts for ever here, not by a busy machine."""


class LeavesAt:
    """Awaits the work, and cancels its own task when it waits for the nth time, and then `again` more times, one wait after another."""

    def __init__(self, work: Coroutine[Any, Any, None], at: int, *, again: int) -> None:
        self._work = work
        self._times = range(at, at + again + 1)
        self.waits = 0

    def __await__(self) -> Generator[Any, Any, None]:
        task = asyncio.current_task()
        assert task is not None
        steps = self._work.__await__()
        step, value = steps.send, None
        while True:
            try:
                waited = step(value)
            except StopIteration:
                return
            self.waits += 1
            if self.waits in self._times:
                task.cancel()
            try:
                step, value = steps.send, (yield waited)
            except BaseException as fault:  # noqa: BLE001 - it is thrown on, into the step
                step, value = steps.throw, fault


async def change(store: SqlStore, name: str) -> None:
    async with store.transaction() as uow:
        await uow.audit_events.insert(name, b"{}", owner=NOBODY)
        await uow.audit_events.insert(f"{name} too", b"{}", owner=NOBODY)


async def look(store: SqlStore, _: str) -> None:
    async with store.reading() as uow:
        await uow.region.last_change()
        await uow.region.now()


async def are_there(store: SqlStore, *names: str) -> list[bool]:
    async with store.reading() as uow:
        return [bool(await uow.audit_events.read([name])) for name in names]


async def leave_at(work: Coroutine[Any, Any, None], at: int, again: int) -> tuple[bool, int]:
    """Whether the work ended before its caller left, and how often it waited."""
    leaving = LeavesAt(work, at, again=again)

    async def caller() -> None:
        await leaving

    task = asyncio.get_running_loop().create_task(caller())
    await asyncio.wait([task])
    return not task.cancelled(), leaving.waits


def opened_by(store: SqlStore) -> list[Any]:
    """The connections that the store opens from now on."""
    opened: list[Any] = []
    for engine in (store._writing, store._reading):
        event.listen(engine.sync_engine.pool, "connect", lambda connection, _: opened.append(connection))
    return opened


@pytest.mark.asyncio
@pytest.mark.parametrize("again", [0, 1, 3], ids=["once", "twice", "four times"])
@pytest.mark.parametrize("work", [change, look])
@pytest.mark.parametrize("is_warm", [True, False], ids=["warm", "cold"])
async def test_whoever_leaves_at_whatever_step_leaves_no_lock_and_no_task(database_url: str, work: Any, again: int, is_warm: bool) -> None:
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
    store = SqlStore.connect(database_url)
    await change(store, "warm")
    await look(store, "")
    opened, beside = opened_by(store), 0 if database_url.startswith("sqlite") else 2
    try:
        for at in itertools.count(1):
            assert at < STEPS_MAX
            if not is_warm:
                await store.close()
                store = SqlStore.connect(database_url)
                opened = opened_by(store)
            ended, waits = await leave_at(work(store, f"left at {at}"), at, again)
            async with asyncio.timeout(AT_ONCE_SECONDS):
                await change(store, f"after {at}")
                first, second = await are_there(store, f"left at {at}", f"left at {at} too")
            assert first == second, "all or nothing"
            assert len(opened) <= (0 if is_warm else COLD_MAX) + beside, "who leaves costs none, which would compete with those of others"
            if ended and waits < at:
                break
    finally:
        await store.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not [task for task in others if not task.done()]
    gc.collect()
    assert told == []


@pytest.mark.asyncio
async def test_callers_who_leave_in_a_burst_hold_up_nobody(store: SqlStore, other_store: SqlStore) -> None:
    """Many at once, in two processes, each gone after another while: some in the queue, some in their transaction."""

    async def leaving(each: SqlStore, number: int) -> None:
        try:
            async with asyncio.timeout(number % 20 / 1000):
                await change(each, f"{id(each)} {number}")
        except TimeoutError:
            return

    for _ in range(3):
        base = datetime.now(UTC).timestamp()
        await asyncio.gather(*(leaving(each, int(base * 1000) % 10**9 * 1000 + n) for n in range(100) for each in (store, other_store)))
        async with asyncio.timeout(AT_ONCE_SECONDS):
            await change(store, f"after {base}")
            await change(other_store, f"after {base} there")
