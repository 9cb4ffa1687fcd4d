"""The one thread of a process that calls PKCS#11 libraries.

The binding promises a library that one thread alone calls it, and several threads make some of them crash. A call cannot be cut off, so
whoever waits for one waits a bounded time; while a call is overdue, further ones are refused at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from math import inf
from queue import Full, Queue
from threading import Thread
from typing import Any, Final, NamedTuple, TypeVar

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.pkcs11.outcomes import Outcome, TokenFault
from meridian.ports.clock import Clock

T = TypeVar("T")

WAITING_MAX: Final = 1024
"""Calls that wait at once; a token does some thousand to some ten thousand in a second."""


class Work(NamedTuple):
    """What is to be done, and how long somebody waits for it."""

    result: Future[Any]
    do: Callable[[], Any]
    until: float


class TokenThread:
    """Does what it is given, one after the other. It does not keep the process from ending."""

    def __init__(self, clock: Clock, waiting_max: int) -> None:
        self._clock = clock
        self._waiting: Queue[Work] = Queue(waiting_max)
        self._due = inf
        Thread(target=self._run, name="pkcs11", daemon=True).start()

    def wait(self, do: Callable[[], T], seconds: float) -> T:
        """What the work answers, for a thread that may wait. Raises: TokenFault, or what the work raises."""
        try:
            return self._given(do, seconds).result(seconds)
        except TimeoutError as fault:
            raise TokenFault(Outcome.TIMED_OUT, f"within {seconds:g} seconds") from fault

    async def run(self, do: Callable[[], T], seconds: float) -> T:
        """The same for the event loop."""
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(self._given(do, seconds))
        except TimeoutError as fault:
            raise TokenFault(Outcome.TIMED_OUT, f"within {seconds:g} seconds") from fault

    def _given(self, do: Callable[[], T], seconds: float) -> Future[T]:
        now, result = self._clock.monotonic(), Future[T]()
        if now > self._due:
            raise TokenFault(Outcome.TIMED_OUT, "a call before has not come back")
        try:
            self._waiting.put_nowait(Work(result, do, now + seconds))
        except Full as fault:
            raise TokenFault(Outcome.BUSY, f"{self._waiting.maxsize} calls wait") from fault
        return result

    def _run(self) -> None:
        while True:
            work = self._waiting.get()
            if self._clock.monotonic() > work.until or not work.result.set_running_or_notify_cancel():
                work.result.cancel()
                continue
            self._due = work.until
            try:
                answer = work.do()
            except BaseException as fault:  # whoever waits is told, whatever it is; the thread goes on
                work.result.set_exception(fault)
            else:
                work.result.set_result(answer)
            self._due = inf
            del work


@cache
def token_thread() -> TokenThread:
    """The thread of this process; it begins when it is needed first."""
    return TokenThread(SystemClock(), WAITING_MAX)
