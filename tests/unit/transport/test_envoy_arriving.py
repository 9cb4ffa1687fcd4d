"""What arrives behind Envoy gives way where it is too much: the longest arriving first, and never a newcomer."""

from __future__ import annotations

import asyncio

import pytest

from meridian.transport.envoy.arriving import WAITING_BYTES, Arriving, GivenUp, Grow

ROOM = 2 * WAITING_BYTES + 100


async def waiting(arriving: Arriving, size: int, go_on: asyncio.Event) -> int:
    """A request that brings so many bytes and waits for more."""

    async def reading(grow: Grow) -> int:
        grow(size)
        await go_on.wait()
        return size

    return await arriving.read(reading)


async def begun(arriving: Arriving, size: int, go_on: asyncio.Event) -> asyncio.Task[int]:
    task = asyncio.create_task(waiting(arriving, size, go_on))
    await asyncio.sleep(0)
    return task


async def outcome(task: asyncio.Task[int]) -> str:
    try:
        return str(await asyncio.wait_for(asyncio.shield(task), 5))
    except GivenUp:
        return "given up"


def test_the_longest_arriving_gives_way_to_a_newcomer_who_brings_too_much() -> None:
    async def story() -> None:
        arriving, go_on = Arriving(ROOM), asyncio.Event()
        old, new = await begun(arriving, 60, go_on), await begun(arriving, 60, go_on)
        assert await outcome(old) == "given up"
        go_on.set()
        assert await outcome(new) == "60"
        assert arriving._bytes == 0
        assert not arriving._held
        assert not arriving._given_up

    asyncio.run(story())


def test_requests_that_bring_nothing_count_too() -> None:
    async def story() -> None:
        arriving, go_on = Arriving(ROOM), asyncio.Event()
        tasks = [await begun(arriving, 0, go_on) for _ in range(5)]
        go_on.set()
        assert [await outcome(task) for task in tasks] == ["given up"] * 3 + ["0"] * 2

    asyncio.run(story())


def test_what_is_more_than_there_may_be_gives_way_itself() -> None:
    async def story() -> None:
        arriving, go_on = Arriving(ROOM), asyncio.Event()
        assert await outcome(await begun(arriving, ROOM, go_on)) == "given up"
        go_on.set()
        assert await outcome(await begun(arriving, 100, go_on)) == "100"

    asyncio.run(story())


def test_who_leaves_is_cancelled_as_ever_and_takes_nothing_with_him() -> None:
    async def story() -> None:
        arriving, go_on = Arriving(ROOM), asyncio.Event()
        gone = await begun(arriving, 60, go_on)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        stays = await begun(arriving, 100, go_on)
        go_on.set()
        assert await outcome(stays) == "100"

    asyncio.run(story())
