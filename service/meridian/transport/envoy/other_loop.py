"""What a second listener of Envoy is given: an event loop of its own. Its requests are answered in the Region's, where everything lives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from meridian.transport.envoy.arrival import Scope
from meridian.transport.envoy.grpc_answers import Send, refuse_http
from meridian.transport.envoy.grpc_message import Receive

Serve = Callable[[Scope, Receive, Send], Awaitable[None]]
NOT_YET: Final = 503


class OtherLoop:
    """An ASGI application."""

    def __init__(self) -> None:
        self._home: tuple[asyncio.AbstractEventLoop, Serve] | None = None

    def serve_by(self, serve: Serve) -> None:
        """Give every request to this, in the loop that runs now."""
        self._home = asyncio.get_running_loop(), serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._home is None:
            return await refuse_http(send, NOT_YET, "The service is starting.")
        loop, serve = self._home
        here = asyncio.get_running_loop()
        await _in_loop(loop, serve)(scope, _in_loop(here, receive), _in_loop(here, send))
        return None


def _in_loop(loop: asyncio.AbstractEventLoop, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The same, which runs in that loop wherever it is called."""

    async def run(*given: object) -> Any:
        return await call(*given)

    async def called(*given: object) -> Any:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run(*given), loop))

    return called
