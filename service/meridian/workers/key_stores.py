"""Key stores between two states: attempts to connect, and disconnections, in the background.

An attempt counts while the store is as it was when the attempt began: whoever disconnects meanwhile wins. Every process of the Region
makes the attempts that it finds, so a process that dies leaves none behind; the first result counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import structlog

from meridian.domain.key_store import ConnectionState
from meridian.ports.clock import Clock
from meridian.ports.entropy import Entropy
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.key_store import AskedFor, KeyStoreConnections
from meridian.ports.security_events import SecurityEvents
from meridian.ports.store.faults import StoreUnavailable, VersionConflict
from meridian.ports.store.key_stores import KeyStoreRow
from meridian.ports.store.store import Store
from meridian.workers.periodic import PATIENT_SECONDS, Job, Wake
from meridian.workers.set_aside import SetAside, UnreadableRowError

LOOK_SECONDS: Final = 1.0
AT_ONCE: Final = 32
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
        self._kinds = kinds
        self._directory = directory
        self._entropy = entropy
        self._release = release
        self._wake = wake
        self._log = structlog.get_logger("meridian.key_stores")
        self.aside = SetAside("key stores", clock=clock, events=events)

    def job(self) -> Job:
        return Job("key stores", self.settle, LOOK_SECONDS, PATIENT_SECONDS, self._wake)

    async def settle(self) -> bool:
        """Settle the stores that wait, some at once; true where there may be more. Raises: KmsError if the database fails."""
        await self._release()
        async with self._store.reading() as uow:
            limit = AT_ONCE + len(self.aside)
            rows = await uow.key_stores.list_in(BETWEEN, after=("", ""), limit=limit)
        for unreadable in rows.unreadable:
            self.aside.set_aside_once(unreadable.name, UnreadableRowError(unreadable.fault))
        due = [row for row in rows if not self.aside.is_waiting((row.account, row.store_id))]
        await asyncio.gather(*map(self._settle, due))
        return len(rows) == limit

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
