"""Changes of one key wait for each other in this process, and callers take turns.

Without that, of many changes of one key each commit overtakes what the others were decided on, and who loses may lose again and again. A
change takes the turn for its transaction; one that others are before, or that was overtaken, takes it before it is decided anew, and keeps
it until it is made. Who changes a key all the time so keeps nobody from changing it: of those who wait, his next change is behind them.

A call never waits for a turn while it has one, except for those of its own keys, in their order: so nobody waits in a circle.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Final

from meridian.call import Call
from meridian.domain.gates import RETRY_SECONDS
from meridian.domain.key import Key
from meridian.errors import ThrottlingException

WAITING_MAX: Final = 256
"""Changes of one key that one caller has waiting."""

KeyName = tuple[str, str]


class KeyTurns:
    """One per process. Belongs to one event loop."""

    def __init__(self) -> None:
        self._lines: dict[KeyName, Line] = {}
        self._taken: dict[Call, list[KeyName]] = {}

    def are_taken(self, keys: Collection[Key]) -> bool:
        """Whether somebody changes one of these keys now."""
        return any(_name(key) in self._lines for key in keys)

    @asynccontextmanager
    async def taken(self, call: Call, keys: Collection[Key]) -> AsyncIterator[None]:
        """Within, nobody else of this process changes these keys, unless the call lets others go on; a call that has turns keeps those.

        Raises: ThrottlingException where too many wait.
        """
        if call in self._taken:
            yield
            return
        self._taken[call] = []
        try:
            for name in sorted({_name(key) for key in keys}):
                await self._take(call, name)
            yield
        finally:
            self.let_others(call)
            del self._taken[call]

    def let_others(self, call: Call) -> None:
        """Give up the call's turns, for what takes long."""
        names = self._taken.get(call, [])
        while names:
            name = names.pop()
            self._lines[name].leave()
            self._forget_idle(name)

    async def _take(self, call: Call, name: KeyName) -> None:
        try:
            await self._lines.setdefault(name, Line()).take(call.caller.arn)
        except BaseException:
            self._forget_idle(name)
            raise
        self._taken[call].append(name)

    def _forget_idle(self, name: KeyName) -> None:
        if not self._lines[name].is_taken:
            del self._lines[name]


class Line:
    """Who waits to change one key; of the callers, the one that was served longest ago first."""

    def __init__(self) -> None:
        self.is_taken = False
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def take(self, caller: str) -> None:
        """Return when it is this caller's turn. Raises: ThrottlingException."""
        if not self.is_taken:
            self.is_taken = True
            return
        turns = self._waiting.setdefault(caller, deque())
        if len(turns) >= WAITING_MAX:
            raise ThrottlingException(retry_after_seconds=RETRY_SECONDS, reason="too many changes of one key wait")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        turns.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._drop(caller, turn)
            else:
                self.leave()  # it was given to a call that ends
            raise

    def leave(self) -> None:
        """The turn is over, and the next one's, if anybody waits."""
        if not self._waiting:
            self.is_taken = False
            return
        caller, turns = next(iter(self._waiting.items()))
        self._waiting.move_to_end(caller)
        turn = turns[0]
        self._drop(caller, turn)
        if turn.cancelled():
            self.leave()
        else:
            turn.set_result(None)

    def _drop(self, caller: str, turn: asyncio.Future[None]) -> None:
        turns = self._waiting.get(caller, deque())
        if turn in turns:
            turns.remove(turn)
        if not turns:
            self._waiting.pop(caller, None)


def _name(key: Key) -> KeyName:
    return key.account, key.key_id
