"""How long a known caller may keep a call open without sending its message, and how many such calls there are.

What is read takes as much memory as its sender wants, up to the longest request; what is not read yet takes what gRPC lets him send
unasked. So of each caller some messages are read at once, and the others wait their turn, which takes no time where messages come with
their calls. Beyond `CALLER_MAX` the newest of a caller is refused; where there are too many of all, the oldest of the caller with the most.

A timer per call would cost more than the reading; one timer looks at all of them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from meridian.domain.gates import RETRY_SECONDS
from meridian.errors import ThrottlingException

LOOK_SECONDS: Final = 1.0
READ_OF_CALLER_MAX: Final = 128
"""Messages of one caller that are read at once: 32 MiB of the longest requests."""
CALLER_MAX: Final = 1_024
"""Calls of one caller whose message is not there."""
ALL_MAX: Final = 2_048
"""Calls of all callers whose message is not there."""

HELD_MAX: Final = 4_096
"""Refusals that are answered late."""


class Unread(Protocol):
    """A call whose message has perhaps not come yet."""

    async def read(self) -> Any: ...


@dataclass(slots=True, eq=False)
class Caller:
    """One caller's calls whose message is not there, the oldest first."""

    calls: dict[asyncio.Task[Any], None] = field(default_factory=dict)
    turns: asyncio.Semaphore | None = None
    """Of those that wait; none before there are any."""

    async def read(self, message: Unread) -> Any:
        """The message, once few enough of this caller's are read."""
        if self.turns is None and len(self.calls) > READ_OF_CALLER_MAX:
            self.turns = asyncio.Semaphore(0)  # all but this one are being read, and each gives on its turn
        if self.turns is not None:
            await self.turns.acquire()
        try:
            return await message.read()
        finally:
            if self.turns is not None:
                self.turns.release()


class UnreadMessages:
    """Calls whose message is awaited, the longest waiting first. Belongs to one event loop."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[asyncio.Task[Any], float] = {}
        self._callers: dict[str, Caller] = {}
        self._ended: dict[asyncio.Task[Any], Exception] = {}
        self._held = 0
        self._timer: asyncio.TimerHandle | None = None

    async def read(self, message: Unread, name: str) -> Any:
        """The message of a call of this caller, or gRPC's EOF. Raises: TimeoutError if it does not come in time, give or take a second;
        ThrottlingException where too many do not come."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101 - a coroutine of gRPC runs in a task
        caller = self._callers.get(name)
        if caller is None:
            caller = self._callers[name] = Caller()
        if len(caller.calls) >= CALLER_MAX:
            await self._hold_back()
            raise ThrottlingException(retry_after_seconds=RETRY_SECONDS)
        if len(self._since) - len(self._ended) >= ALL_MAX:
            self._end_oldest()
        caller.calls[task] = None
        self._since[task] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(LOOK_SECONDS, self._look)
        try:
            return await caller.read(message)
        except asyncio.CancelledError as end:
            reason = self._ended.get(task)
            if reason is None:
                raise
            task.uncancel()
            raise reason from end
        finally:
            self._leave(task, name, caller)

    def _leave(self, task: asyncio.Task[Any], name: str, caller: Caller) -> None:
        self._ended.pop(task, None)
        del self._since[task]
        del caller.calls[task]
        if not caller.calls:
            del self._callers[name]

    async def _hold_back(self) -> None:
        """Return when a refusal may be answered. Who has so many calls open would open others at once, and each costs more to refuse
        than to keep."""
        if self._held >= HELD_MAX:
            return
        self._held += 1
        try:
            await asyncio.sleep(RETRY_SECONDS)
        finally:
            self._held -= 1

    def _end_oldest(self) -> None:
        most = max(self._callers.values(), key=lambda caller: len(caller.calls))
        task = next((task for task in most.calls if task not in self._ended), None)
        if task is not None:
            self._end(task, ThrottlingException(retry_after_seconds=RETRY_SECONDS))

    def _end(self, task: asyncio.Task[Any], reason: Exception) -> None:
        self._ended[task] = reason
        task.cancel()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._seconds
        for task, since in self._since.items():
            if since > oldest:
                break
            if task not in self._ended:
                self._end(task, TimeoutError())
        self._timer = loop.call_later(LOOK_SECONDS, self._look) if self._since else None
