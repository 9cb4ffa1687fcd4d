"""Builds what decisions need beside the event loop: each thing once, however many calls of an account wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from meridian.authorization.decision.deciding import Build, Deciding
from meridian.errors import ThrottlingException
from meridian.ports.heavy_work import HeavyWork

Outcome = tuple[Any, BaseException | None]


class Builder:
    """Used on one event loop."""

    def __init__(self, heavy: HeavyWork) -> None:
        self._heavy = heavy
        self._under_way: dict[tuple[Any, ...], asyncio.Task[Outcome]] = {}

    def finish(self, account: str, deciding: Deciding[None]) -> Awaitable[None] | None:
        """None where nothing had to be built. Raises: what the decision raises."""
        try:
            wanted = next(deciding)
        except StopIteration:
            return None
        return self._finish(account, deciding, wanted)

    async def _finish(self, account: str, deciding: Deciding[None], wanted: Build) -> None:
        """What keeps a thing from being built is thrown into the decision too: what the caller is told of it is decided there."""
        gone: asyncio.CancelledError | None = None
        while True:
            try:
                made, fault = (None, gone) if gone is not None else await self._build(account, wanted)
            except ThrottlingException as refusal:
                made, fault = None, refusal
            except asyncio.CancelledError as end:  # the call's time is over: nothing more is waited for
                made, fault = None, end
                gone = end
            try:
                wanted = deciding.send(made) if fault is None else deciding.throw(fault)
            except StopIteration:
                return

    async def _build(self, account: str, wanted: Build) -> Outcome:
        """What was made, or what went wrong in making it. Raises: ThrottlingException."""
        name = (account, wanted.name)  # one account's place in the queue is not another's
        task = self._under_way.get(name)
        if task is None:
            task = asyncio.create_task(self._heavy.run(account, partial(_attempt, wanted.make)))
            self._under_way[name] = task
            task.add_done_callback(partial(self._ended, name))
        return await asyncio.shield(task)

    def _ended(self, name: tuple[Any, ...], task: asyncio.Task[Outcome]) -> None:
        del self._under_way[name]
        if not task.cancelled():
            task.exception()  # looked at: those who wait for it are told, and where nobody waits, nobody need be


def _attempt(make: Callable[[], Any]) -> Outcome:
    try:
        return make(), None
    except Exception as fault:
        return None, fault
