"""Moves wrapped rows to the active key-encryption key, and destroys the keys that no row names any more.

Each process reads the keyring every second. Rows move only when the active key is old enough that every process has it, so nobody meets
a row that it cannot open. A row moves by compare-and-set on its key's version; a crash leaves rows under the old key, which still open.

Source: docs/spec/ciphertext.md §4.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final, Protocol

from meridian.domain.key import Key, KeyMaterial
from meridian.domain.limits import Limits
from meridian.fault_points import FaultPoint, reach
from meridian.log import structlog
from meridian.ports.clock import Clock
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.security_events import SecurityEvents
from meridian.ports.store.faults import StoreUnavailable, VersionConflict
from meridian.ports.store.keyring import FIRST_WRAPPED, KekRow, SecretRow
from meridian.ports.store.store import STILL_SECONDS_MAX, Store, UnitOfWork
from meridian.workers.periodic import PATIENT_SECONDS, Job
from meridian.workers.set_aside import SetAside, UnreadableRowError
from meridian.workers.unless_still import UnlessStill, rests_where

LOOK_SECONDS: Final = 1.0
KEYS_PER_LOOK: Final = 200
SECRETS_PER_LOOK: Final = 100


class LiveKeyring(Protocol):
    """The keyring, as far as this worker needs it."""

    def numbers(self) -> frozenset[int]: ...

    async def reload(self, store: Store) -> None: ...

    def is_under_active(self, sealed_bytes: bytes) -> bool: ...

    def rewrap_secret(self, row: SecretRow) -> SecretRow: ...


class MaterialRewrapping(Protocol):
    """The engine's part that wraps materials."""

    def rewrap(self, key: Key, material: KeyMaterial) -> KeyMaterial: ...


class RewrapWorker:
    """One per process."""

    def __init__(  # noqa: PLR0913 - a round, and everybody who is told of it
        self,
        *,
        store: Store,
        keyring: LiveKeyring,
        materials: MaterialRewrapping,
        directory: KeyDirectory,
        limits: Limits,
        clock: Clock,
        events: SecurityEvents,
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._materials = materials
        self._directory = directory
        self._clock = clock
        self._is_single = False
        self._after = FIRST_WRAPPED
        self._settle = timedelta(seconds=limits.kek_settle_seconds)
        self._retention = timedelta(seconds=limits.kek_retention_days * limits.day_seconds)
        self._log = structlog.get_logger("meridian.rewrap")
        self.aside = SetAside("rewrap", clock=clock, events=events)

    def job(self) -> Job:
        """Once a second; with one key-encryption key, when there is another."""
        look = UnlessStill(self.look, self._store, self._clock, rests_where(lambda: self._is_single, STILL_SECONDS_MAX))
        return Job("rewrap", look, LOOK_SECONDS, PATIENT_SECONDS)

    async def look(self) -> None:
        """Read the keyring, move what has to move, destroy what may go. Raises: KmsError."""
        async with self._store.reading() as uow:
            rows = list(await uow.keyring.keks())
            now = await uow.region.now()
        if {row.kek_number for row in rows} != self._keyring.numbers():
            await self._keyring.reload(self._store)
        active = next(row for row in rows if row.is_active)
        self._is_single = len(rows) == 1
        if len(rows) == 1 or now < active.created_at + self._settle:
            return
        if await self._move(active.kek_number) and now >= active.created_at + self._retention:
            await self._destroy([row for row in rows if not row.is_active])

    async def _move(self, active: int) -> bool:
        """Whether no key and no secret is under another key-encryption key. One that does not open stays there, and is set aside: the next
        look goes on behind it, round and round."""
        async with self._store.reading() as uow:
            keys = list(await uow.keyring.keys_wrapped_otherwise(active, after=self._after, limit=KEYS_PER_LOOK))
            secrets = await uow.keyring.secrets_wrapped_otherwise(active, limit=SECRETS_PER_LOOK + len(self.aside))
        is_all = self._after == FIRST_WRAPPED and not keys
        for _, account, key_id in keys:
            await self._attempt((account, key_id), partial(self._move_key, account, key_id))
            self._directory.forget(account, key_id)
        for row in secrets:
            await self._attempt((row.kind, row.owner, row.secret_id), partial(self._move_secret, row))
        for unreadable in secrets.unreadable:
            self.aside.set_aside_once(unreadable.name, UnreadableRowError(unreadable.fault))
        self._after = keys[-1] if len(keys) == KEYS_PER_LOOK else FIRST_WRAPPED
        return is_all and not secrets and not secrets.unreadable

    async def _attempt(self, name: tuple[str, ...], move: Callable[[], Awaitable[None]]) -> None:
        if self.aside.is_waiting(name):
            return
        try:
            await move()
            self.aside.release(name)
        except VersionConflict:
            return  # somebody changed it; the next look tells
        except StoreUnavailable:
            raise
        except Exception as fault:
            self.aside.set_aside(name, fault)

    async def _move_secret(self, row: SecretRow) -> None:
        async with self._moving() as uow:
            await uow.keyring.update_secret(self._keyring.rewrap_secret(row))

    async def _move_key(self, account: str, key_id: str) -> None:
        """Move every material of the key that opens; then raise what one that does not has raised."""
        faults: list[Exception] = []
        async with self._moving() as uow:
            key = await uow.keys.find(account, key_id)
            if key is None:
                return
            moved = tuple(self._moved(key, material, faults) for material in key.materials)
            if moved != key.materials:
                await uow.keys.update(replace(key, materials=moved))
        if faults:
            raise faults[0]

    def _moved(self, key: Key, material: KeyMaterial, faults: list[Exception]) -> KeyMaterial:
        if not material.is_present or self._keyring.is_under_active(material.sealed_bytes):
            return material
        try:
            return self._materials.rewrap(key, material)
        except Exception as fault:
            faults.append(fault)
            return material

    @contextlib.asynccontextmanager
    async def _moving(self) -> AsyncIterator[UnitOfWork]:
        async with self._store.transaction() as uow:
            yield uow
            reach(FaultPoint.REWRAP_BEFORE_COMMIT)
        reach(FaultPoint.REWRAP_AFTER_COMMIT)

    async def _destroy(self, rows: list[KekRow]) -> None:
        for row in rows:
            async with self._store.transaction() as uow:
                if not await uow.keyring.is_named(row.kek_number):
                    await uow.keyring.delete_kek(row.kek_number)
                    self._log.warning("key-encryption key destroyed", number=row.kek_number)
