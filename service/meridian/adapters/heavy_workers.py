"""Heavy work in threads: a few of them, a bounded queue, accounts in turn."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from meridian.errors import ThrottlingException
from meridian.short_turns import ShortTurns

T = TypeVar("T")


class HeavyWorkers:
    """Implements `ports.heavy_work.HeavyWork`. Used on one event loop alone."""

    def __init__(self, *, workers: int, queue_max: int, wait_seconds: float, turns: ShortTurns) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="heavy")
        self._free = workers
        self._of_one_account = max(1, workers // 2)
        self._queue_max = queue_max
        self._wait_seconds = wait_seconds
        self._turns = turns
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._running: Counter[str] = Counter()
        self.refused = 0
        """How much work was refused, because the queue was full or the turn did not come in time."""

    @property
    def waiting(self) -> int:
        """How much work waits for a thread."""
        return sum(map(len, self._queues.values()))

    async def run(self, account: str, work: Callable[[], T]) -> T:
        await self._take_turn(account)
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        # The thread stays taken until the work ends, even where its caller has gone.
        running.add_done_callback(partial(self._ended, account))
        return await asyncio.shield(running)

    def close(self) -> None:
        """Begin nothing more. What runs is bounded, and is not waited for."""
        for turn in [turn for queue in self._queues.values() for turn in queue]:
            turn.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _take_turn(self, account: str) -> None:
        queue = self._queues.setdefault(account, deque())
        if self.waiting >= self._queue_max or len(queue) >= self._queue_max // 2:
            raise self._refusal()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        self._give_turns()
        try:
            async with asyncio.timeout(self._wait_seconds):
                await turn
        except BaseException as fault:
            if turn.done() and not turn.cancelled():
                self._give_back(account)
            elif turn in queue:
                queue.remove(turn)
            self._give_turns()
            if isinstance(fault, TimeoutError):
                raise self._refusal() from fault
            raise

    def _give_turns(self) -> None:
        """Threads that are free go to accounts in the order in which each was last served."""
        while self._free and (account := self._next_account()) is not None:
            turn = self._queues[account].popleft()
            self._queues.move_to_end(account)
            self._free -= 1
            self._running[account] += 1
            self._turns.begin()
            turn.set_result(None)

    def _next_account(self) -> str | None:
        """Who waits and may have a thread. A turn given up is dropped here: its caller, who would remove it, may not have woken yet."""
        for account, queue in list(self._queues.items()):
            while queue and queue[0].done():
                queue.popleft()
            if not queue:
                del self._queues[account]
            elif self._running[account] < self._of_one_account:
                return account
        return None

    def _ended(self, account: str, running: asyncio.Future[Any]) -> None:
        if not running.cancelled():
            running.exception()  # looked at, so that nobody logs its text where the caller has gone
        self._give_back(account)
        self._give_turns()

    def _give_back(self, account: str) -> None:
        self._turns.end()
        self._free += 1
        self._running[account] -= 1
        if not self._running[account]:
            del self._running[account]
        if account in self._queues:
            self._queues.move_to_end(account)

    def _refusal(self) -> ThrottlingException:
        self.refused += 1
        return ThrottlingException()
