"""Look-ups of names in threads: one at a time for each name, few for each account, accounts in turn.

A look-up that hangs cannot be ended, and a caller chooses the name that hangs. So what an account has under way is its own share of the
threads, what waits behind it waits no longer than its caller, and nothing begins that nobody waits for any more.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from meridian.adapters.waiting_accounts import WaitingAccounts
from meridian.errors import ThrottlingException

THREADS: Final = 32
"""They do nothing but wait for a name server."""
OF_ONE_ACCOUNT: Final = 4
WAITING_MAX: Final = 256
"""Of one account at most half as many."""


class Lookups:
    """Of one process. Used on one event loop alone."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="proxy-names")
        self._free = THREADS
        self._of_account: Counter[str] = Counter()
        self._queue: WaitingAccounts[bool] = WaitingAccounts(WAITING_MAX)
        self._running: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def addresses(self, account: str, name: str, port: int) -> list[str]:
        """The addresses of a name, looked up now, for an account. Raises: OSError where there are none; TimeoutError at once where the
        account has enough that waits."""
        running = self._running.get((name, port))
        if running is None:
            await self._take_turn(account)
            running = self._begin(account, name, port)
        return await asyncio.shield(running)

    def close(self) -> None:
        """Begin nothing more. What hangs is not waited for."""
        self._queue.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self, account: str, name: str, port: int) -> asyncio.Future[list[str]]:
        """With a turn that was taken; where somebody was first meanwhile, it is given back."""
        running = self._running.get((name, port))
        if running is not None:
            self._give_back(account)
            return running
        running = asyncio.get_running_loop().run_in_executor(self._threads, _addresses, name, port)
        self._running[name, port] = running
        running.add_done_callback(partial(self._ended, account, (name, port)))
        return running

    async def _take_turn(self, account: str) -> None:
        try:
            turn = self._queue.enter(account)
        except ThrottlingException as full:
            raise TimeoutError from full
        self._give_turns()
        try:
            has_come = await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.result():
                self._give_back(account)
            else:
                self._queue.leave(account, turn)
            raise
        if not has_come:
            raise TimeoutError

    def _give_turns(self) -> None:
        while self._free and (first := self._queue.next(self._may_run)) is not None:
            account, turn = first
            self._free -= 1
            self._of_account[account] += 1
            turn.set_result(True)

    def _may_run(self, account: str) -> bool:
        return self._of_account[account] < OF_ONE_ACCOUNT

    def _ended(self, account: str, place: tuple[str, int], running: asyncio.Future[list[str]]) -> None:
        del self._running[place]
        if not running.cancelled():
            running.exception()  # looked at: perhaps nobody waits any more
        self._give_back(account)

    def _give_back(self, account: str) -> None:
        self._free += 1
        self._of_account[account] -= 1
        if not self._of_account[account]:
            del self._of_account[account]
        self._queue.put_last(account)
        self._give_turns()


def _addresses(name: str, port: int) -> list[str]:
    found: Sequence[tuple[object, object, object, str, tuple[object, ...]]] = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))
