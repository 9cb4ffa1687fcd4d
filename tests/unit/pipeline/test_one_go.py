"""Walks that seldom wait: no task where nothing is waited for, and all that a task has where something is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextvars import ContextVar

import pytest

from meridian.pipeline.batch_records import BatchRecords
from meridian.pipeline.one_go import walk_in_one_go

PART: ContextVar[str] = ContextVar("part", default="nobody's")


def test_a_walk_that_waits_for_nothing_is_over_at_once() -> None:
    seen: list[str] = []

    async def walk() -> None:
        seen.append("walked")

    async def story() -> None:
        async with asyncio.TaskGroup() as group:
            walk_in_one_go(walk(), group)
            assert seen == ["walked"]
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(story())


def test_what_is_left_of_a_walk_has_a_task_and_a_context_of_its_own() -> None:
    seen: list[tuple[str, bool]] = []

    async def walk(name: str, outer: asyncio.Task[None] | None) -> None:
        token = PART.set(name)
        await asyncio.sleep(0)
        seen.append((PART.get(), asyncio.current_task() is outer))
        PART.reset(token)

    async def story() -> None:
        outer = asyncio.current_task()
        async with asyncio.TaskGroup() as group:
            for name in ("a", "b"):
                walk_in_one_go(walk(name, outer), group)
                assert PART.get() == "nobody's"
        assert seen == [("a", False), ("b", False)]

    asyncio.run(story())


def test_a_walk_that_does_not_say_that_it_waits_is_a_fault() -> None:
    async def story() -> None:
        waits: Awaitable[None] = asyncio.get_running_loop().create_future()

        async def walk() -> None:
            await waits

        async with asyncio.TaskGroup() as group:
            with pytest.raises(RuntimeError):
                walk_in_one_go(walk(), group)

    asyncio.run(story())


def test_an_item_that_is_cut_before_it_waits_is_cut_where_it_waits() -> None:
    """Only there is it known what the cut may tell."""
    seen: list[str] = []
    item = BatchRecords().item(0)

    async def walk() -> None:
        await item.apart()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            seen.append("cut")

    async def story() -> None:
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.TaskGroup() as group:
                walk_in_one_go(walk(), group)
                raise asyncio.CancelledError
        assert seen == ["cut"]

    asyncio.run(story())
