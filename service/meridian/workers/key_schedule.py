"""What comes to a key by time alone: the end of its waiting period, expiry of imported material, rotation, the end of Updating.

Each key is settled in one transaction that reads it again, so two processes of a Region that see the same key due do the job
once. Time is the database's.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from math import inf
from typing import Final, Protocol

from meridian.domain.deletion import is_deletion_due
from meridian.domain.imports import without_expired
from meridian.domain.key import Key
from meridian.domain.limits import Limits
from meridian.domain.rotation import rotate_due
from meridian.errors import KmsError, KMSInternalException
from meridian.fault_points import FaultPoint, reach
from meridian.log import structlog
from meridian.ports.audit import AuditTrail
from meridian.ports.clock import Clock
from meridian.ports.crypto.ciphers import SymmetricKeys
from meridian.ports.entropy import Entropy
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.security_events import SecurityEvents
from meridian.ports.store.faults import StoreUnavailable, VersionConflict
from meridian.ports.store.store import READ_SECONDS_MAX, Store, UnitOfWork
from meridian.replication.delete_key import Leave
from meridian.replication.publish import SetPublisher, tell_held
from meridian.replication.switch_material import held_by_all, record_rotation
from meridian.workers.periodic import PATIENT_SECONDS, Job, Wake
from meridian.workers.set_aside import SetAside
from meridian.workers.unless_still import UnlessStill

LOOK_SECONDS: Final = 0.5
KEYS_PER_LOOK: Final = 100
TOLD_SECONDS: Final = 60.0
FIRST: Final = ("", "")


class KeysOfStores(Protocol):
    """What key stores hold of keys."""

    async def erase(self, key: Key, request_id: str) -> None:
        """Remove it, after the key is gone; what cannot be removed is told to the operators."""
        ...


class KeyScheduleWorker:
    """One per process."""

    def __init__(
        self,
        *,
        store: Store,
        symmetric_keys: SymmetricKeys,
        directory: KeyDirectory,
        trail: AuditTrail,
        publisher: SetPublisher,
        leave: Leave,
        entropy: Entropy,
        limits: Limits,
        clock: Clock,
        events: SecurityEvents,
        in_stores: KeysOfStores,
    ) -> None:
        self._store = store
        self._symmetric_keys = symmetric_keys
        self._directory = directory
        self._trail = trail
        self._publisher = publisher
        self._leave = leave
        self._entropy = entropy
        self._limits = limits
        self._in_stores = in_stores
        self._clock = clock
        self._after = FIRST
        self._rests = 0.0
        """Seconds until something is due, as the last look saw it."""
        self._tell_at = clock.monotonic()
        self.wake = Wake()
        """There is something to do now."""
        self.aside = SetAside("key schedule", clock=clock, events=events)
        self._log = structlog.get_logger("meridian.key_schedule")

    def job(self) -> Job:
        """Twice a second, and when woken; where nothing is due, when something may be."""
        look = UnlessStill(self.settle_due, self._store, self._clock, lambda: min(self._rests, READ_SECONDS_MAX))
        return Job("key schedule", look, LOOK_SECONDS, PATIENT_SECONDS, self.wake)

    async def settle_due(self) -> None:
        """Settle every key that is due. One that cannot be settled is set aside. Raises: KmsError if the store fails."""
        due = [name for name in await self._next_due() if not self.aside.is_waiting(name)]
        waiting = 0
        for account, key_id in due:
            try:
                waiting += not await self._settle(account, key_id)
                self.aside.release((account, key_id))
            except VersionConflict:
                continue  # somebody was faster; the next look tells
            except StoreUnavailable:
                raise
            except KMSInternalException as fault:  # what is stored of this key does not hold together
                self.aside.set_aside((account, key_id), fault)
            except KmsError as fault:  # one key that cannot be settled holds no other up
                self._log.warning("key not settled", account=account, key_id=key_id, error=fault.code, reason=fault.reason)
            except Exception as fault:
                self.aside.set_aside((account, key_id), fault)
            self._directory.forget(account, key_id)
        if due:
            self._publisher.wake_outbox()
        if waiting and self._clock.monotonic() >= self._tell_at:
            self._tell_at = self._clock.monotonic() + TOLD_SECONDS
            self._log.info("keys wait to leave their sets until other Regions have heard all", keys=waiting)

    async def _next_due(self) -> list[tuple[str, str]]:
        """The due keys after those of the look before, round and round: what stays due takes no other key's place."""
        limit = KEYS_PER_LOOK + len(self.aside)
        async with self._store.reading() as uow:
            now = await uow.region.now()
            found = list(await uow.keys.list_due(now=now, after=self._after, limit=limit))
            if self._after != FIRST and len(found) < limit:
                again = await uow.keys.list_due(now=now, after=FIRST, limit=limit - len(found))
                found = list(dict.fromkeys((*found, *again)))
            self._rests = 0.0 if found else await _seconds_until_due(uow, now)
        self._after = found[-1] if len(found) >= limit else FIRST
        return found

    async def _settle(self, account: str, key_id: str) -> bool:
        """Whether all is done that a time has come for; a member of a set may have to wait before it leaves."""
        async with self._store.transaction() as uow:
            key = await uow.keys.find(account, key_id)
            if key is None:
                return True
            now = await uow.region.now()
            request_id = self._entropy.uuid()
            is_over = is_deletion_due(key, now)
            if not is_over:
                await self._settle_changes(uow, key, request_id, now)
            elif not await self._leave.erase(uow, key, request_id=request_id, now=now):
                return False
        if is_over:
            await self._in_stores.erase(key, request_id)
        else:
            reach(FaultPoint.SCHEDULE_AFTER_COMMIT)
        return True

    async def _settle_changes(self, uow: UnitOfWork, key: Key, request_id: str, now: datetime) -> None:
        settled = key.with_updating_ended() if key.updating_until is not None and key.updating_until <= now else key
        changed = await self._rotated(uow, await self._expired(uow, settled, request_id), request_id)
        if changed != key:
            await uow.keys.update(changed)
            await self._publisher.key_changed(uow, key, changed, request_id=request_id, now=now)
            reach(FaultPoint.SCHEDULE_BEFORE_COMMIT)

    async def _expired(self, uow: UnitOfWork, key: Key, request_id: str) -> Key:
        now = await uow.region.now()
        changed, expired = without_expired(key, now)
        for material_id in expired:
            details = {"keyId": key.key_id, "keyMaterialId": material_id}
            await self._trail.record_service_event(uow, "DeleteExpiredKeyMaterial", changed, request_id=request_id, details=details)
        if expired:
            await tell_held(uow, changed, request_id=request_id, now=now)
        return changed

    async def _rotated(self, uow: UnitOfWork, key: Key, request_id: str) -> Key:
        now = await uow.region.now()
        held = await held_by_all(uow, key)
        rotated = rotate_due(key, now, partial(self._symmetric_keys.new_material, ready=None), held, self._limits.day_seconds)
        await record_rotation(uow, self._trail, key, rotated, request_id=request_id)
        return rotated.key


async def _seconds_until_due(uow: UnitOfWork, now: datetime) -> float:
    at = await uow.keys.next_due()
    return inf if at is None else max(0.0, (at - now).total_seconds())
