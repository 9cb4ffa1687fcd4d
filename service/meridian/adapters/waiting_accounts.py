"""Calls that wait for something scarce: a bounded number, accounts in turn. Of a full queue the longest part gives way."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

from meridian.domain.gates import RETRY_SECONDS
from meridian.errors import ThrottlingException

T = TypeVar("T")


class WaitingAccounts(Generic[T]):
    """Places in a queue for a `T`. Used on one event loop alone."""

    def __init__(self, most: int) -> None:
        """`most` calls wait; of one account at most half as many."""
        self._most = most
        self._queues: OrderedDict[str, deque[asyncio.Future[T | None]]] = OrderedDict()
        self.refused = 0
        """How many calls were refused: for want of a place, for another account's sake, or because their turn did not come in time."""

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def enter(self, account: str) -> asyncio.Future[T | None]:
        """A place at the end of the account's queue; its result is what was waited for, or None where another account has taken the place.

        Raises: ThrottlingException where the account has its half, or where all are taken and no queue is longer than the account's with
        this call in it.
        """
        length = len(self._queues.get(account, ()))
        if length >= self._most // 2 or (len(self) >= self._most and not self._make_room(length + 1)):
            raise self.refusal()
        turn: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(account, deque()).append(turn)
        return turn

    def leave(self, account: str, turn: asyncio.Future[T | None]) -> None:
        """Wait no more."""
        queue = self._queues.get(account, deque())
        if turn in queue:
            queue.remove(turn)

    def next(self, may_be_served: Callable[[str], bool]) -> tuple[str, asyncio.Future[T | None]] | None:
        """The first in the queue of the account that was served longest ago; it waits no more. A turn given up is dropped here: its caller,
        who would remove it, may not have woken yet."""
        for account, queue in list(self._queues.items()):
            while queue and queue[0].done():
                queue.popleft()
            if not queue:
                del self._queues[account]
            elif may_be_served(account):
                self.put_last(account)
                return account, queue.popleft()
        return None

    def put_last(self, account: str) -> None:
        """The account was served just now."""
        if account in self._queues:
            self._queues.move_to_end(account)

    def close(self) -> None:
        """Nobody waits any more."""
        for turn in [turn for queue in self._queues.values() for turn in queue]:
            turn.cancel()

    def refusal(self) -> ThrottlingException:
        """For a call whose turn has not come."""
        self.refused += 1
        return ThrottlingException(retry_after_seconds=RETRY_SECONDS)

    def _make_room(self, length: int) -> bool:
        """Send away who came last to the longest queue, where that is longer than `length`."""
        longest = max(self._queues.values(), key=len)
        if len(longest) <= length:
            return False
        newest = longest.pop()
        if not newest.done():  # one that was given up leaves its place to nobody's cost
            newest.set_result(None)
        return True
