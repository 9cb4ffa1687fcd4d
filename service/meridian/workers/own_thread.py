"""Work that may hang, in a thread that nobody waits for in the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


class OwnThread:
    """One call at a time. A call that is given up goes on in its thread, and the next one waits for its end.

    Threads of `asyncio.to_thread` are joined when the process ends; one that hangs in a foreign client would hold that up.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._idle = asyncio.Event()
        self._idle.set()

    async def run(self, work: Callable[[], T], seconds: float) -> T:
        """What `work` answers or raises. Raises: TimeoutError when that is not known after so many seconds."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        async with asyncio.timeout(seconds):
            await self._idle.wait()
            self._idle.clear()
            Thread(target=self._call, args=(work, loop, done), name=self._name, daemon=True).start()
            return await done

    def _call(self, work: Callable[[], T], loop: asyncio.AbstractEventLoop, done: asyncio.Future[T]) -> None:
        try:
            answer = work()
        except BaseException as fault:
            self._tell(loop, done, partial(done.set_exception, fault))
            return
        self._tell(loop, done, partial(done.set_result, answer))

    def _tell(self, loop: asyncio.AbstractEventLoop, done: asyncio.Future[T], settle: Callable[[], None]) -> None:
        def tell() -> None:
            self._idle.set()
            if not done.done():
                settle()

        with contextlib.suppress(RuntimeError):  # the loop has ended; nobody waits any more
            loop.call_soon_threadsafe(tell)
