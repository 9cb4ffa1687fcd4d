"""Callers who leave before they are answered: Envoy tells so when it is asked, and not by itself.

A question costs two changes of threads, and nearly every call is answered within milliseconds. So a call is asked about when it takes
longer, at lengthening intervals, and one timer looks at all of them. Of a call that is refused already nobody asks: where crowds are
refused, and refusals held back, the questions would cost more than the calls.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from meridian.call import Call
from meridian.transport.envoy.grpc_message import DISCONNECTED, Receive

LOOK_SECONDS: Final = 0.1
LOOKS_PAUSE_SECONDS_MAX: Final = 1.0
"""Between two questions about one call."""


@dataclass(slots=True, eq=False)
class Waiting:
    """A call that is being answered."""

    task: asyncio.Task[Any]
    receive: Receive
    call: Call | None
    """Where it is known; what happens to a request of HTTP is not seen here."""
    pause: float
    next_look: float
    question: asyncio.Task[None] | None = None


class Departures:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._open: dict[Waiting, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, receive: Receive, call: Call | None) -> Waiting:
        """Cancel the current task when its caller has left, until `forget`."""
        loop = asyncio.get_running_loop()
        task: asyncio.Task[Any] | None = asyncio.current_task(loop)
        assert task is not None  # noqa: S101 - the server answers each request in a task
        waiting = Waiting(task, receive, call, LOOK_SECONDS, loop.time() + LOOK_SECONDS)
        self._open[waiting] = None
        if self._timer is None:
            self._timer = loop.call_later(LOOK_SECONDS, self._look)
        return waiting

    def forget(self, waiting: Waiting) -> None:
        self._open.pop(waiting, None)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for waiting in self._open:
            is_refused = waiting.call is not None and waiting.call.error is not None
            if waiting.next_look <= now and waiting.question is None and not is_refused:
                waiting.pause = min(2 * waiting.pause, LOOKS_PAUSE_SECONDS_MAX)
                waiting.next_look = now + waiting.pause
                waiting.question = loop.create_task(self._ask(waiting))
        self._timer = loop.call_later(LOOK_SECONDS, self._look) if self._open else None

    async def _ask(self, waiting: Waiting) -> None:
        try:
            event = await waiting.receive()
        finally:
            waiting.question = None  # a question that failed, which the loop tells, is asked again
        if event["type"] == DISCONNECTED and waiting in self._open:
            self.forget(waiting)
            waiting.task.cancel()
