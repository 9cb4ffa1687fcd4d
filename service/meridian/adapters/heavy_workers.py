"""Heavy work in threads: a few of them, a bounded queue, accounts in turn."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from meridian.adapters.served_account import serving
from meridian.adapters.waiting_accounts import WaitingAccounts
from meridian.short_turns import ShortTurns

T = TypeVar("T")


class HeavyWorkers:
    """Implements `ports.heavy_work.HeavyWork`. Used on one event loop alone."""

    def __init__(self, *, workers: int, queue_max: int, wait_seconds: float, turns: ShortTurns) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="heavy")
        self._free = workers
        self._of_one_account = max(1, workers // 2)
        self._wait_seconds = wait_seconds
        self._turns = turns
        self._queue: WaitingAccounts[bool] = WaitingAccounts(queue_max)
        self._running: Counter[str] = Counter()

    @property
    def refused(self) -> int:
        """How much work was refused, because the queue was full or the turn did not come in time."""
        return self._queue.refused

    @property
    def waiting(self) -> int:
        """How much work waits for a thread."""
        return len(self._queue)

    async def run(self, account: str, work: Callable[[], T]) -> T:
        await self._take_turn(account)
        running = asyncio.get_running_loop().run_in_executor(self._threads, partial(serving, account, work))
        # The thread stays taken until the work ends, even where its caller has gone.
        running.add_done_callback(partial(self._ended, account))
        return await asyncio.shield(running)

    def close(self) -> None:
        """Begin nothing more. What runs is bounded, and is not waited for."""
        self._queue.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _take_turn(self, account: str) -> None:
        turn = self._queue.enter(account)
        self._give_turns()
        try:
            async with asyncio.timeout(self._wait_seconds):
                has_come = await turn
        except BaseException as fault:
            if turn.done() and not turn.cancelled() and turn.result():
                self._give_back(account)
            else:
                self._queue.leave(account, turn)
            self._give_turns()
            if isinstance(fault, TimeoutError):
                raise self._queue.refusal() from fault
            raise
        if not has_come:
            raise self._queue.refusal()

    def _give_turns(self) -> None:
        """Threads that are free go to accounts in the order in which each was last served."""
        while self._free and (first := self._queue.next(self._may_run)) is not None:
            account, turn = first
            self._free -= 1
            self._running[account] += 1
            self._turns.begin()
            turn.set_result(True)

    def _may_run(self, account: str) -> bool:
        return self._running[account] < self._of_one_account

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
        self._queue.put_last(account)
