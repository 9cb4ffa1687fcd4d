"""Callers who leave before their answer: asked about late, and seldom."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from meridian.adapters.clock_system import SystemClock
from meridian.call import Call, Evidence
from meridian.contract.catalog import rpcs
from meridian.errors import ThrottlingException
from meridian.transport.envoy import departures
from meridian.transport.envoy.departures import Departures
from meridian.transport.envoy.grpc_message import Receive


class Caller:
    """One who says, when he is asked, whether he is still there."""

    def __init__(self) -> None:
        self.asked = 0
        self.has_left = False

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        return {"type": "http.disconnect"} if self.has_left else {"type": "http.request", "body": b"", "more_body": False}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departures, "LOOK_SECONDS", 0.01)


def a_call() -> Call:
    rpc = rpcs()["Encrypt"]
    return Call(rpc, rpc.request_class(), Evidence(), "r", SystemClock().now())


@contextmanager
def while_waiting(watched: Departures, receive: Receive, call: Call) -> Iterator[None]:
    waiting = watched.watch(receive, call)
    try:
        yield
    finally:
        watched.forget(waiting)


async def answer(watched: Departures, caller: Caller, seconds: float) -> str:
    try:
        with while_waiting(watched, caller.receive, a_call()):
            await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        return "cut"
    return "answered"


def test_who_leaves_is_cut_and_nobody_else() -> None:
    async def story() -> None:
        watched, gone, here = Departures(), Caller(), Caller()
        answers = [asyncio.create_task(answer(watched, gone, 60.0)), asyncio.create_task(answer(watched, here, 0.3))]
        while not (gone.asked and here.asked):
            await asyncio.sleep(0.005)
        gone.has_left = True
        assert await asyncio.wait_for(asyncio.gather(*answers), 20) == ["cut", "answered"]
        assert not watched._open

    asyncio.run(story())


def test_a_quick_answer_costs_no_question_and_a_slow_one_few() -> None:
    async def story() -> None:
        watched, quick_one, slow_one = Departures(), Caller(), Caller()
        assert await answer(watched, quick_one, 0.0) == "answered"
        assert await answer(watched, slow_one, 0.4) == "answered"
        assert quick_one.asked == 0
        assert 1 <= slow_one.asked <= 6, "at doubling pauses"

    asyncio.run(story())


def test_a_departure_that_is_heard_of_late_cuts_nothing_that_came_after() -> None:
    async def story() -> None:
        watched, caller, heard = Departures(), Caller(), asyncio.Event()

        async def receive() -> dict[str, Any]:
            caller.asked += 1
            await heard.wait()
            return {"type": "http.disconnect"}

        with while_waiting(watched, receive, a_call()):
            while not caller.asked:
                await asyncio.sleep(0.005)
        heard.set()
        await asyncio.sleep(0.05)

    asyncio.run(story())


def test_a_question_that_fails_is_asked_again() -> None:
    class Halting(Caller):
        async def receive(self) -> dict[str, Any]:
            if not self.asked:
                self.asked += 1
                raise OSError("not now")
            return await super().receive()

    async def story() -> None:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        watched, gone = Departures(), Halting()
        gone.has_left = True
        answering = asyncio.create_task(answer(watched, gone, 60.0))
        await asyncio.wait([answering], timeout=20)
        assert answering.done(), "nobody has asked again"
        assert answering.result() == "cut"
        gc.collect()
        assert [type(each["exception"]) for each in told] == [OSError]

    asyncio.run(story())


def test_of_a_call_that_is_refused_already_nobody_asks() -> None:
    async def story() -> None:
        watched, caller, call = Departures(), Caller(), a_call()
        call.error = ThrottlingException(retry_after_seconds=1.0)
        with while_waiting(watched, caller.receive, call):
            await asyncio.sleep(0.2)
        assert caller.asked == 0

    asyncio.run(story())
