"""A gRPC server that stops under load answers every call that has reached it, also where its event loop is late; what comes later never
reached it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import grpc
import pytest
from tests.ports import free_port

from meridian.cli.region_place import HOST
from meridian.transport.draining import HeldCalls

CALLERS = 32
GRACE_SECONDS = 10.0
LOADED = 5 * CALLERS
"""Answers, after which it is under load."""
WAITING, TURNS, TURN_SECONDS = 2, 4, 0.04
"""Calls that wait to be taken, how often the event loop turns until gRPC has taken one, and how long each turn is when it is late."""
UNREACHED = "UNAVAILABLE"


class Echo(grpc.GenericRpcHandler):
    """Keeps the event loop busy, so that calls wait to be taken."""

    def __init__(self) -> None:
        self.answered = 0

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return grpc.unary_unary_rpc_method_handler(self._answer)

    async def _answer(self, request: bytes, context: Any) -> bytes:
        sum(range(20_000))
        await asyncio.sleep(0)
        self.answered += 1
        return request


async def call_until_unreached(address: str, seen: Counter[str]) -> None:
    async with grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        await asyncio.wait_for(channel.channel_ready(), GRACE_SECONDS)
        call: Any = channel.unary_unary("/a.Service/Method")
        while True:
            try:
                await call(b"x", timeout=GRACE_SECONDS)
                seen["ok"] += 1
            except grpc.RpcError as fault:
                seen[fault.code().name] += 1
                return


@pytest.mark.parametrize("attempt", range(3))
def test_no_call_is_cancelled_by_a_server_that_stops_under_load(attempt: int) -> None:
    async def story() -> None:
        held, handler, seen = HeldCalls(), Echo(), Counter[str]()
        server = grpc.aio.server(interceptors=[held], options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((handler,))
        address = f"{HOST}:{free_port()}"
        server.add_insecure_port(address)
        await server.start()
        callers = [asyncio.create_task(call_until_unreached(address, seen)) for _ in range(CALLERS)]
        while seen["ok"] < LOADED:
            await asyncio.sleep(0.005)
        await held.stop(server, GRACE_SECONDS)
        await asyncio.gather(*callers)
        assert set(seen) == {"ok", UNREACHED}
        assert seen[UNREACHED] == CALLERS
        assert seen["ok"] == handler.answered

    asyncio.run(story())


class Stopped:
    """A server that notes how many calls had been taken when it was told to stop."""

    def __init__(self, taken: list[int]) -> None:
        self._taken = taken
        self.at_stop = 0

    async def stop(self, grace_seconds: float) -> None:
        self.at_stop = len(self._taken)


def test_a_late_event_loop_has_its_turns_to_take_what_waits_before_the_server_stops() -> None:
    async def story() -> None:
        held, taken = HeldCalls(), list[int]()
        server: Any = Stopped(taken)
        details: Any = None

        async def answer(_: grpc.HandlerCallDetails) -> None: ...

        async def take() -> None:
            answers = []
            for number in range(WAITING):
                for _ in range(TURNS):
                    time.sleep(TURN_SECONDS)
                    await asyncio.sleep(0)
                answers.append(asyncio.ensure_future(held.intercept_service(answer, details)))
                taken.append(number)
            await asyncio.gather(*answers)

        taking = asyncio.create_task(take())
        await held.stop(server, GRACE_SECONDS)
        assert server.at_stop == WAITING
        await asyncio.wait_for(taking, GRACE_SECONDS)

    asyncio.run(story())
