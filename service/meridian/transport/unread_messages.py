"""How long a known caller may keep a call open without sending its message.

A timer per call would cost more than the reading; one timer looks at all of them.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

LOOK_SECONDS: Final = 1.0


class UnreadMessages:
    """Calls whose message is awaited, the longest waiting first. Belongs to one event loop."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def read(self, context: Any) -> Any:
        """The message of a call, or gRPC's EOF. Raises: TimeoutError if it does not come in time, give or take a second."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine of gRPC runs in a task
        self._since[task] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(LOOK_SECONDS, self._look)
        try:
            return await context.read()
        except asyncio.CancelledError as end:
            if task in self._late:
                task.uncancel()
                raise TimeoutError from end
            raise
        finally:
            self._late.discard(task)
            del self._since[task]

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._seconds
        for task, since in self._since.items():
            if since > oldest:
                break
            if task not in self._late:
                self._late.add(task)
                task.cancel()
        self._timer = loop.call_later(LOOK_SECONDS, self._look) if self._since else None
