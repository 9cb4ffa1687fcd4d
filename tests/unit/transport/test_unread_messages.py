"""Whose message is awaited, how many of them are read, and who is refused when there are too many."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from meridian.errors import ThrottlingException
from meridian.transport import unread_messages
from meridian.transport.unread_messages import UnreadMessages

SECONDS = 60.0
TURNS = 5


class Message:
    """A call whose message comes when it is told to."""

    def __init__(self) -> None:
        self.is_read = False
        self.here = asyncio.Event()

    async def read(self) -> bytes:
        self.is_read = True
        await self.here.wait()
        return b"message"


class Callers:
    """Calls of some callers under way."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.unread = UnreadMessages(seconds)
        self.tasks: list[asyncio.Task[bytes]] = []

    async def call(self, name: str, count: int) -> list[Message]:
        messages = [Message() for _ in range(count)]
        self.tasks += [asyncio.create_task(self.unread.read(message, name)) for message in messages]
        for _ in range(TURNS):
            await asyncio.sleep(0)
        return messages

    def refused(self) -> list[int]:
        return [number for number, task in enumerate(self.tasks) if task.done() and isinstance(task.exception(), ThrottlingException)]

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        assert (self.unread._callers, self.unread._since, self.unread._ended) == ({}, {}, {})


def story(monkeypatch: pytest.MonkeyPatch, told: Callable[[Callers], Awaitable[None]], **bounds: float) -> None:
    for name, value in {"READ_OF_CALLER_MAX": 2, "CALLER_MAX": 4, "ALL_MAX": 6, "RETRY_SECONDS": 0.0, **bounds}.items():
        monkeypatch.setattr(unread_messages, name, value)

    async def whole() -> None:
        callers = Callers()
        try:
            await told(callers)
        finally:
            await callers.end()

    asyncio.run(whole())


def test_so_many_of_one_caller_are_read_and_the_others_wait_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    async def told(callers: Callers) -> None:
        mine, others = await callers.call("a", 4), await callers.call("b", 1)
        assert [message.is_read for message in [*mine, *others]] == [True, True, False, False, True]
        mine[0].here.set()
        for _ in range(TURNS):
            await asyncio.sleep(0)
        assert [message.is_read for message in mine] == [True, True, True, False]
        assert callers.tasks[0].result() == b"message"

    story(monkeypatch, told)


def test_the_newest_of_a_caller_with_too_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def told(callers: Callers) -> None:
        await callers.call("a", 5)
        await callers.call("b", 1)
        assert callers.refused() == [4]

    story(monkeypatch, told)


def test_of_too_many_the_oldest_of_the_caller_with_the_most_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def told(callers: Callers) -> None:
        await callers.call("a", 4)
        await callers.call("b", 2)
        newcomer = await callers.call("c", 2)
        assert callers.refused() == [0, 1]
        assert all(message.is_read for message in newcomer)

    story(monkeypatch, told)


def test_who_leaves_while_he_waits_gives_up_his_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    async def told(callers: Callers) -> None:
        mine = await callers.call("a", 4)
        callers.tasks[2].cancel()
        mine[0].here.set()
        for _ in range(TURNS):
            await asyncio.sleep(0)
        assert [message.is_read for message in mine] == [True, True, False, True]
        assert callers.tasks[2].cancelled()

    story(monkeypatch, told)


def test_a_message_that_does_not_come_is_given_up_also_where_it_waits_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async def told(callers: Callers) -> None:
        callers.unread._seconds = 0.02
        await callers.call("a", 3)
        done, _ = await asyncio.wait(callers.tasks, timeout=5)
        assert [type(task.exception()) for task in done] == [TimeoutError] * 3

    story(monkeypatch, told, LOOK_SECONDS=0.01)
