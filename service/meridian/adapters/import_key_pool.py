"""Wrapping keys kept ready: an RSA key takes up to a second to make, and no caller should wait for that, nor the event loop.

Of a spec of which none is to be kept, one is made for each call that waits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Final

from meridian.adapters.waiting_accounts import WaitingAccounts
from meridian.crypto.rsa_wrapping import new_private_key
from meridian.domain.imports import WRAPPING_KEY_BITS
from meridian.domain.secret import Secret
from meridian.errors import DependencyTimeoutException

WAITING_MAX: Final = 64
"""Calls that wait for a key of one spec."""


class ImportKeyPool:
    """Implements `ports.crypto.import_key_source.ImportKeySource`."""

    def __init__(self, ready: Mapping[str, int], *, wait_seconds: float) -> None:
        self._shelves = {spec: _Shelf(ready.get(spec, 1)) for spec in WRAPPING_KEY_BITS}
        self._wait_seconds = wait_seconds

    async def take(self, account: str, wrapping_key_spec: str) -> Secret:
        try:
            async with asyncio.timeout(self._wait_seconds):
                return await self._shelves[wrapping_key_spec].take(account)
        except TimeoutError as late:
            raise DependencyTimeoutException("No wrapping key is ready.", reason=f"pool of {wrapping_key_spec} is empty") from late

    async def refill(self) -> None:
        """Keep every shelf full, until cancelled. Making a key leaves the interpreter free for others."""
        await asyncio.gather(*(self._refill(spec, shelf) for spec, shelf in self._shelves.items()))

    async def _refill(self, spec: str, shelf: _Shelf) -> None:
        while True:
            await shelf.has_room.wait()
            shelf.put(Secret(await asyncio.to_thread(new_private_key, WRAPPING_KEY_BITS[spec])))


class _Shelf:
    """Keys of one spec, and who waits for one where there is none."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._ready: deque[Secret] = deque()
        self._queue: WaitingAccounts[Secret] = WaitingAccounts(WAITING_MAX)
        self.has_room = asyncio.Event()
        self._settle()

    async def take(self, account: str) -> Secret:
        """Raises: ThrottlingException where too many wait."""
        if self._ready:
            key = self._ready.popleft()
            self._settle()
            return key
        turn = self._queue.enter(account)
        self._settle()
        try:
            came = await turn
        except BaseException:
            self._queue.leave(account, turn)
            self._settle()
            if turn.done() and not turn.cancelled() and (left := turn.result()) is not None:
                self.put(left)  # it came when nobody waited for it any more
            raise
        if came is None:
            raise self._queue.refusal()
        return came

    def put(self, key: Secret) -> None:
        """To the account whose turn it is, or on the shelf."""
        first = self._queue.next(lambda account: True)
        if first is not None:
            first[1].set_result(key)
        else:
            self._ready.append(key)
        self._settle()

    def _settle(self) -> None:
        """Another key is made where fewer are ready than are wanted, or somebody waits for one."""
        if len(self._ready) < max(self._most, min(1, len(self._queue))):
            self.has_room.set()
        else:
            self.has_room.clear()
