"""Key stores between two states: attempts to connect, and disconnections, in the background.

An attempt counts while the store is as it was when the attempt began: whoever disconnects meanwhile wins. Every process of the Region
makes the attempts that it finds, so a process that dies leaves none behind; the first result counts.

A round waits for no attempt: a proxy that dawdles and a token that hangs hold up neither each other nor another account.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, zip_longest
from typing import Final

from meridian.domain.key_store import ConnectionState
from meridian.log import structlog
from meridian.ports.clock import Clock
from meridian.ports.entropy import Entropy
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.key_store import AskedFor, KeyStoreConnections
from meridian.ports.security_events import SecurityEvents
from meridian.ports.store.faults import StoreUnavailable, VersionConflict
from meridian.ports.store.key_stores import KeyStoreRow
from meridian.ports.store.store import READ_SECONDS_MAX, Store
from meridian.workers.periodic import PATIENT_SECONDS, Job, Wake
from meridian.workers.set_aside import SetAside, UnreadableRowError
from meridian.workers.unless_still import UnlessStill, rests_where

LOOK_SECONDS: Final = 1.0
AT_ONCE: Final = 32
"""Attempts to connect, and disconnections."""
OF_ONE_ACCOUNT: Final = 4
"""Attempts to connect at once."""
LISTED: Final = 256
"""Stores between two states that one round looks at; the next round looks at those that follow."""
BETWEEN: Final = frozenset({ConnectionState.CONNECTING, ConnectionState.DISCONNECTING})
CONNECT: Final = "ConnectCustomKeyStore"
"""What a proxy is told that it is asked for."""


class KeyStoreWorker:
    """Brings stores to the state that they were asked to be in."""

    def __init__(
        self,
        *,
        store: Store,
        kinds: Mapping[str, KeyStoreConnections],
        directory: KeyDirectory,
        entropy: Entropy,
        clock: Clock,
        events: SecurityEvents,
        release: Callable[[], Awaitable[None]],
        wake: Wake,
    ) -> None:
        self._store = store
        self._clock = clock
        self._is_settled = False
        self._kinds = kinds
        self._directory = directory
        self._entropy = entropy
        self._release = release
        self._wake = wake
        self._log = structlog.get_logger("meridian.key_stores")
        self._after = ("", "")
        self._attempts: dict[tuple[str, str], asyncio.Task[bool]] = {}
        self.aside = SetAside("key stores", clock=clock, events=events)

    def job(self) -> Job:
        look = UnlessStill(self.settle, self._store, self._clock, rests_where(lambda: self._is_settled, READ_SECONDS_MAX))
        return Job("key stores", look, LOOK_SECONDS, PATIENT_SECONDS, self._wake)

    async def settle(self) -> bool:
        """Disconnect the stores that wait for it, and begin to connect others; true where there may be more. Raises: KmsError if the
        database fails."""
        await self._release()
        under_way = frozenset(self._attempts)  # before the rows are read: one that ends meanwhile is read as it was
        async with self._store.reading() as uow:
            limit = LISTED + len(self.aside)
            rows = await uow.key_stores.list_in(BETWEEN, after=self._after, limit=limit)
        for unreadable in rows.unreadable:
            self.aside.set_aside_once(unreadable.name, UnreadableRowError(unreadable.fault))
        self._is_settled = not (rows or rows.unreadable or under_way or self._attempts)
        due = [row for row in rows if not self.aside.is_waiting((row.account, row.store_id))]
        is_full = len(rows) + len(rows.unreadable) >= limit
        self._after = (rows[-1].account, rows[-1].store_id) if is_full and rows else ("", "")
        leaving = [row for row in due if row.state is ConnectionState.DISCONNECTING]
        begun = self._begin(
            [row for row in due if row.state is not ConnectionState.DISCONNECTING and (row.account, row.store_id) not in under_way]
        )
        for at in range(0, len(leaving), AT_ONCE):
            await asyncio.gather(*map(self._settle, leaving[at : at + AT_ONCE]))
        return is_full and bool(begun or leaving)

    async def close(self) -> None:
        """End every attempt."""
        tasks = list(self._attempts.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, rows: Sequence[KeyStoreRow]) -> int:
        """Begin attempts, accounts in turn, those with the fewest under way first. How many were begun."""
        under_way, begun = Counter(account for account, _ in self._attempts), 0
        for row in _in_turn(rows, under_way):
            if len(self._attempts) >= AT_ONCE:
                break
            if under_way[row.account] < OF_ONE_ACCOUNT:
                under_way[row.account] += 1
                begun += 1
                name = (row.account, row.store_id)
                task = self._attempts[name] = asyncio.get_running_loop().create_task(self._attempt(row), name=f"connect {row.store_id}")
                task.add_done_callback(partial(self._ended, name))
        return begun

    async def _attempt(self, row: KeyStoreRow) -> bool:
        """Whether the database took what came of it."""
        try:
            await self._settle(row)
        except StoreUnavailable as away:
            self._log.warning("key store not settled", store=row.store_id, reason=away.reason)
            return False
        return True

    def _ended(self, name: tuple[str, str], task: asyncio.Task[bool]) -> None:
        """A place is free: others may wait for it."""
        del self._attempts[name]
        if not task.cancelled() and task.result():
            self._wake()

    async def _settle(self, row: KeyStoreRow) -> None:
        try:
            await self._move(row, partial(self._disconnected if row.state is ConnectionState.DISCONNECTING else self._connected, row))
            self.aside.release((row.account, row.store_id))
        except StoreUnavailable:
            raise
        except VersionConflict:
            return  # it was asked for something else meanwhile, or another process was first
        except Exception as fault:
            self.aside.set_aside((row.account, row.store_id), fault)

    async def _move(self, row: KeyStoreRow, moved: Callable[[], Awaitable[KeyStoreRow]]) -> None:
        wanted = await moved()
        async with self._store.transaction() as uow:
            await uow.key_stores.update(wanted)
        self._directory.forget(row.account, row.store_id)
        self._log.info("key store", store=row.store_id, state=str(wanted.state), code=wanted.error_code)

    async def _disconnected(self, row: KeyStoreRow) -> KeyStoreRow:
        self._kinds[row.kind].disconnect(row.account, row.store_id)
        return replace(row, state=ConnectionState.DISCONNECTED, error_code="")

    async def _connected(self, row: KeyStoreRow) -> KeyStoreRow:
        code = await self._kinds[row.kind].connect(row, AskedFor(self._entropy.uuid(), CONNECT, ""))
        return replace(row, state=ConnectionState.FAILED if code else ConnectionState.CONNECTED, error_code=code)


def _in_turn(rows: Sequence[KeyStoreRow], under_way: Mapping[str, int]) -> Iterator[KeyStoreRow]:
    """One of each account, then another of each."""
    of_account: dict[str, list[KeyStoreRow]] = {}
    for row in rows:
        of_account.setdefault(row.account, []).append(row)
    queues = [of_account[account] for account in sorted(of_account, key=lambda account: under_way.get(account, 0))]
    return (row for row in chain.from_iterable(zip_longest(*queues)) if row is not None)
