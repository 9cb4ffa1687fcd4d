"""Waiting for a process as long as it moves: on a busy machine a start takes as long as it takes, and one that hangs is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: between two looks, until the wait is told and between two tellings, and how long nothing may move."""

    look: float
    tell: float
    stall: float


USUAL: Final = Patience(look=0.5, tell=10.0, stall=120.0)


class StalledError(Exception):
    """Nothing has moved for too long."""


async def while_it_moves(work: Coroutine[Any, Any, T], moved: Callable[[], object], patience: Patience, tell: Callable[[float], None]) -> T:
    """What comes of the work; it goes on as long as `moved` goes on changing. `tell` hears the seconds of a long wait.

    Raises: StalledError; what the work raises.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    began = last_move = loop.time()
    told, seen = began, moved()
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=patience.look)
            now, shown = loop.time(), moved()
            if shown != seen:
                last_move, seen = now, shown
            if not task.done() and now - last_move >= patience.stall:
                raise StalledError(f"nothing has moved for {now - last_move:.0f} s")
            if not task.done() and now - told >= patience.tell:
                told = now
                tell(now - began)
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
