"""How a gRPC listener stops without losing a call.

gRPC cancels a call that has reached it and that nobody has taken yet when the server is told to stop, and its caller is told CANCELLED,
which no client repeats. So calls are taken first: each that arrives is held, until none arrives any more; then the server is told to stop,
which tells every connection to go away, and what was held is answered like every other call. What a caller sends in the milliseconds until
he has heard of that is still cancelled by gRPC, before anything of it is looked at: Meridian's client repeats it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc

LOOK_SECONDS: Final = 0.01
QUIET_LOOKS: Final = 10
"""When nothing arrives from one look to the next, so many times in a row, everybody who calls waits for an answer. Looks are counted, not
seconds: calls are taken one after the other as the event loop turns, so many may wait to be taken when it has stood still."""
QUIET_SECONDS_MAX: Final = 1.0
"""Where something always arrives."""
GO_AWAY_SECONDS: Final = 0.05
"""From the stop until what was held goes on: by then, connections have been told."""


class HeldCalls(grpc.aio.ServerInterceptor):
    """The first interceptor of a server: lets every call pass until `stop`."""

    def __init__(self) -> None:
        self._held: asyncio.Event | None = None
        self._arrived = 0

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        if self._held is not None:
            self._arrived += 1
            await self._held.wait()
        return await continuation(handler_call_details)

    async def stop(self, server: grpc.aio.Server, grace_seconds: float) -> None:
        """Return when no call is under way any more; those that take longer than `grace_seconds` are cancelled."""
        loop = asyncio.get_running_loop()
        until = loop.time() + grace_seconds
        self._held = asyncio.Event()
        await self._quiet()
        stopping = asyncio.ensure_future(server.stop(max(0.0, until - loop.time())))
        await asyncio.wait((stopping,), timeout=GO_AWAY_SECONDS)
        self._held.set()
        await stopping

    async def _quiet(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + QUIET_SECONDS_MAX
        looks_left = QUIET_LOOKS
        while looks_left and loop.time() < until:
            before = self._arrived
            await asyncio.sleep(LOOK_SECONDS)
            looks_left = looks_left - 1 if self._arrived == before else QUIET_LOOKS
