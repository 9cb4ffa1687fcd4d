"""What decisions need is built beside the event loop: once for all who wait for it, and never instead of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from meridian.authorization.decision.builder import Builder
from meridian.authorization.decision.deciding import Build, Deciding, finished
from meridian.errors import ThrottlingException

WAIT_SECONDS = 5.0


class Door:
    """Implements `ports.heavy_work.HeavyWork`: what comes waits until the door is open."""

    def __init__(self, *, is_open: bool = True, fault: Exception | None = None) -> None:
        self.opened, self.fault = asyncio.Event(), fault
        self.accounts: list[str] = []
        if is_open:
            self.opened.set()

    async def run(self, account: str, work: Callable[[], Any]) -> Any:
        self.accounts.append(account)
        await self.opened.wait()
        if self.fault is not None:
            raise self.fault
        return work()


def deciding(made: list[Any], *names: str) -> Deciding[None]:
    """Needs something of each of these names, and notes what it was given, or what went wrong."""
    for name in names:
        try:
            made.append((yield Build((name,), name.upper)))
        except (ThrottlingException, asyncio.CancelledError) as fault:
            made.append(type(fault))


def told(story: Callable[[], Any]) -> None:
    async def within() -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            await story()

    asyncio.run(within())


def test_a_decision_that_needs_nothing_does_not_wait() -> None:
    async def story() -> None:
        assert Builder(Door()).finish("1", deciding([])) is None

    told(story)


def test_everything_that_a_decision_needs_is_built_in_its_order() -> None:
    made: list[Any] = []

    async def story() -> None:
        door = Door()
        waiting = Builder(door).finish("1", deciding(made, "a", "b"))
        assert waiting is not None
        await waiting
        assert door.accounts == ["1", "1"]

    told(story)
    assert made == ["A", "B"]
    assert finished(deciding(made, "c")) is None
    assert made == ["A", "B", "C"]


def test_what_several_calls_of_an_account_need_is_built_once() -> None:
    made: list[Any] = []

    async def story() -> None:
        door = Door(is_open=False)
        builder = Builder(door)
        waiting = [builder.finish(account, deciding(made, "a")) for account in ("1", "1", "2")]
        tasks = [asyncio.ensure_future(each) for each in waiting if each is not None]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert door.accounts == ["1", "2"]
        door.opened.set()
        await asyncio.gather(*tasks)
        assert builder._under_way == {}
        again = builder.finish("1", deciding(made, "a"))
        assert again is not None
        await again
        assert door.accounts == ["1", "2", "1"], "it is for whoever keeps it to build it no more"

    told(story)
    assert made == ["A"] * 4


def test_a_fault_of_building_is_the_decisions_to_answer() -> None:
    made: list[Any] = []

    def fails() -> Any:
        raise ValueError("meant")

    def wanting() -> Deciding[None]:
        try:
            yield Build(("x",), fails)
        except ValueError as fault:
            made.append(str(fault))

    async def story() -> None:
        waiting = Builder(Door()).finish("1", wanting())
        assert waiting is not None
        await waiting

    told(story)
    finished(wanting())
    assert made == ["meant"] * 2


def test_a_place_that_is_not_to_be_had_is_the_decisions_to_answer() -> None:
    made: list[Any] = []

    async def story() -> None:
        waiting = Builder(Door(fault=ThrottlingException(1.0))).finish("1", deciding(made, "a"))
        assert waiting is not None
        await waiting

    told(story)
    assert made == [ThrottlingException]


def test_a_call_whose_time_is_over_waits_for_nothing_more_and_others_do() -> None:
    first: list[Any] = []
    second: list[Any] = []

    async def story() -> None:
        door = Door(is_open=False)
        builder = Builder(door)
        tasks = [asyncio.ensure_future(builder.finish("1", deciding(made, "a", "b")) or asyncio.sleep(0)) for made in (first, second)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert first == [asyncio.CancelledError] * 2
        door.opened.set()
        await tasks[1]
        assert tasks[0].done()

    told(story)
    assert second == ["A", "B"]


@pytest.mark.parametrize("fault", [RuntimeError("the thread"), None])
def test_what_nobody_foresaw_comes_out(fault: Exception | None) -> None:
    made: list[Any] = []

    async def story() -> None:
        waiting = Builder(Door(fault=fault)).finish("1", deciding(made, "a"))
        assert waiting is not None
        if fault is None:
            await waiting
        else:
            with pytest.raises(RuntimeError, match="the thread"):
                await waiting

    told(story)
