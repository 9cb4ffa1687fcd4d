"""The calls that are being walked, on every wire: each within its time, and all of them cut where the process can wait no longer."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Final

from meridian.call import Call
from meridian.errors import CUTS, Cut, KmsError

ROUNDING: Final = 0.01
"""What gRPC may add to a deadline on its way, of the whole."""
ON_THE_WAY_SECONDS: Final = 0.05
"""What a message may take. Whose call is given up when no more than both is left of his deadline, has let the deadline pass."""
LOOK_SECONDS: Final = 0.02


class CallTime:
    """The time of one call, as a context manager around its walk, which then raises what `CUTS` has. A call is cut by cancelling its task;
    `call.why_cut` then knows why."""

    __slots__ = ("_cut", "_loop", "_passed", "_seconds", "_task", "_timer", "_under_way", "_until")

    def __init__(self, under_way: CallsUnderWay, seconds: float, passed: Cut) -> None:
        self._under_way = under_way
        self._seconds = seconds
        self._passed = passed
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + seconds
        self._cut: Cut | None = None

    def __enter__(self) -> None:
        task: asyncio.Task[Any] | None = asyncio.current_task(self._loop)
        assert task is not None  # noqa: S101 - a wire answers each call in a task
        self._task = task
        self._under_way.open.add(self)
        self._timer = self._loop.call_later(self._seconds, self.cut, self._passed)

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.cancel()
        self._under_way.open.discard(self)
        if self._cut is not None:
            self._task.uncancel()
        if isinstance(fault, asyncio.CancelledError):
            raise CUTS[self.why()]() from fault
        if isinstance(fault, KmsError):
            fault.without_frames()  # its call keeps it, and the frames would keep the call

    def cut(self, why: Cut) -> None:
        """End the call, unless it has been cut already."""
        if self._cut is None:
            self._cut = why
            self._task.cancel()

    def why(self) -> Cut:
        """Why the task was cancelled: by `cut`, or by the wire where the caller's side has ended the call."""
        if self._cut is not None:
            return self._cut
        left = self._until - self._loop.time()
        passed = self._passed is Cut.CALLER_DEADLINE and left <= self._seconds * ROUNDING + ON_THE_WAY_SECONDS
        return Cut.CALLER_DEADLINE if passed else Cut.CALLER_LEFT


class CallsUnderWay:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self.open: set[CallTime] = set()

    def within(self, call: Call, seconds: float, passed: Cut) -> CallTime:
        """`passed`: whose bound it is that ends the call after so many seconds."""
        time = CallTime(self, seconds, passed)
        call.why_cut = time.why  # the call knows its time, and the time no call: both go when the call does
        return time

    async def none_left(self, seconds: float) -> None:
        """Return when every call has ended, its record too, also where its caller has gone; after so many seconds in any case."""
        until = asyncio.get_running_loop().time() + seconds
        while self.open and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110 - a look now and then, bounded in time, costs calls nothing while they work
            await asyncio.sleep(LOOK_SECONDS)

    def cut_all(self) -> None:
        """The process ends: who still waits is refused, and may ask another one."""
        for each in tuple(self.open):
            each.cut(Cut.SERVICE_ENDS)
