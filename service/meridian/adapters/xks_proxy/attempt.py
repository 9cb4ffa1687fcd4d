"""One attempt of a request to a proxy, and the connection that it takes.

Few connections to one proxy are being made at once: one that hangs, or comes back, meets a handful of handshakes and not one for every
call that waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Final

from aiohttp import ClientSession, TraceConfig

HANDSHAKES_MAX: Final = 16
"""Connections to one proxy that are being made at once: with 35 ms to the proxy and back, those of 48 calls are made within one attempt."""


class Attempt(SimpleNamespace):
    """What became of its connection; what aiohttp tells comes here."""

    def __init__(self, places: asyncio.Semaphore, is_vain: Callable[[], bool]) -> None:
        """`is_vain`: whether the proxy was found not to answer meanwhile."""
        super().__init__()
        self._places = places
        self._is_vain = is_vain
        self._has_place = False
        self.is_kept = False
        """The connection was there before."""
        self.is_waiting = False
        """It waits until a connection may be made."""

    async def begin_connection(self) -> None:
        """Wait for a place. Raises: TimeoutError where there is no use in it any more."""
        self.is_waiting = True
        await self._places.acquire()
        self._has_place = True
        if self._is_vain():
            raise TimeoutError
        self.is_waiting = False

    def end_connection(self) -> None:
        """The connection is made, or is not any more: the place is the next one's."""
        if self._has_place:
            self._has_place = False
            self._places.release()


def tracing() -> TraceConfig:
    """Lets a session tell each attempt of its connection; the attempt is the request's `trace_request_ctx`."""

    async def note_kept(attempt: Attempt) -> None:
        attempt.is_kept = True

    async def end(attempt: Attempt) -> None:
        attempt.end_connection()

    trace = TraceConfig()
    trace.on_connection_reuseconn.append(_telling(note_kept))
    trace.on_connection_create_start.append(_telling(Attempt.begin_connection))
    trace.on_connection_create_end.append(_telling(end))
    return trace


def _telling(act: Callable[[Attempt], Awaitable[None]]) -> Callable[[ClientSession, SimpleNamespace, object], Awaitable[None]]:
    async def tell(session: ClientSession, context: SimpleNamespace, params: object) -> None:  # noqa: ARG001 - the signature that aiohttp calls
        await act(context.trace_request_ctx)

    return tell
