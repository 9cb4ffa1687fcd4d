"""What arrives behind Envoy before it is known who sends it, in one budget: the bytes that have come, and what a request takes that waits
for more. Where the budget is spent, the one that has been arriving for longest gives way: a length that is announced takes nothing, and a
newcomer is never kept out by requests that do not go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

T = TypeVar("T")
Grow = Callable[[int], None]
"""Takes how many bytes more have come."""

WAITING_BYTES: Final = 16 * 1024
"""Of a request that waits: its headers, its task and its stream."""
TOO_MANY: Final = "too many requests are arriving"


class GivenUp(Exception):
    """A request that has arrived for longest, where there are too many bytes."""


class Arriving:
    """Belongs to one event loop. `bytes_max`: at least those of one request."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._held: dict[asyncio.Task[Any], int] = {}
        """The longest arriving first."""
        self._given_up: set[asyncio.Task[Any]] = set()
        """Of those that have not ended yet."""
        self.overloaded = 0
        """How many requests gave way."""

    async def read(self, reading: Callable[[Grow], Awaitable[T]]) -> T:
        """What is read of the current task's request. Raises: GivenUp, and what `reading` raises."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - the server answers each request in a task
        grow = partial(self._grow, task)
        try:
            grow(WAITING_BYTES)
            return await reading(grow)
        except asyncio.CancelledError as end:
            if task not in self._given_up or task.uncancel():
                raise
            raise GivenUp from end
        finally:
            self._given_up.discard(task)
            self._bytes -= self._held.pop(task, 0)

    def _grow(self, task: asyncio.Task[Any], size: int) -> None:
        self._held[task] = self._held.get(task, 0) + size
        self._bytes += size
        while self._bytes > self._bytes_max:
            longest = next(iter(self._held))
            self._bytes -= self._held.pop(longest)
            self.overloaded += 1
            if longest is task:
                raise GivenUp
            self._given_up.add(longest)
            longest.cancel()
