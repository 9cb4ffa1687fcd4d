"""Reserved places without news: asked about at the Region that prepared them, and released where they were refused."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

from meridian.domain.multi_region import RowStatus, SetRow
from meridian.errors import DependencyTimeoutException, KmsError
from meridian.log import structlog
from meridian.ports.audit import AuditTrail
from meridian.ports.clock import Clock
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.region_peer import RegionPeer
from meridian.ports.security_events import SecurityEvents
from meridian.ports.store.faults import StoreUnavailable, VersionConflict
from meridian.ports.store.store import Store
from meridian.replication.erase_key import erase_reserved_key
from meridian.replication.sets.state import release
from meridian.workers.periodic import PATIENT_SECONDS, Job
from meridian.workers.set_aside import SetAside, UnreadableRowError

LOOK_SECONDS: Final = 5.0
ROWS_PER_LOOK: Final = 20
ROUND_SECONDS: Final = 20.0
"""Of asking one Region: what is not asked by then is asked in the next round."""


class ReservationWorker:
    """Ends reservations whose ReplicateKey was never committed."""

    def __init__(
        self,
        *,
        store: Store,
        peer: RegionPeer,
        directory: KeyDirectory,
        trail: AuditTrail,
        clock: Clock,
        regions: Collection[str],
        after_seconds: float,
        events: SecurityEvents,
    ) -> None:
        self._store = store
        self._peer = peer
        self._directory = directory
        self._trail = trail
        self._clock = clock
        self._regions = regions
        self._after = timedelta(seconds=after_seconds)
        self._log = structlog.get_logger("meridian.reservations")
        self.aside = SetAside("reservations", clock=clock, events=events)

    def jobs(self) -> list[Job]:
        """One for each Region, every few seconds: one that does not answer, is slow, or has many places keeps no other's waiting."""
        every = min(LOOK_SECONDS, max(0.2, self._after.total_seconds()))
        return [Job(f"reservations {region}", partial(self.resolve_of, region), every, PATIENT_SECONDS) for region in self._regions]

    async def resolve_of(self, region: str) -> None:
        """Ask this Region about its places that are reserved for too long, for some seconds. Raises: KmsError if the store fails."""
        before, ends_at = self._clock.now() - self._after, self._clock.monotonic() + ROUND_SECONDS
        async with self._store.reading() as uow:
            limit = ROWS_PER_LOOK + len(self.aside)
            rows = await uow.key_sets.list_reserved(prepared_by=region, before=before, limit=limit)
        for unreadable in rows.unreadable:
            self.aside.set_aside_once(unreadable.name, UnreadableRowError(unreadable.fault))
        for row in rows:
            name = (row.account, row.key_id)
            if self._clock.monotonic() >= ends_at:
                return
            if self.aside.is_waiting(name):
                continue
            try:
                if not await self._resolve(row):
                    return
                self.aside.release(name)
            except VersionConflict:
                continue  # the row has moved on; the next look tells
            except StoreUnavailable:
                raise
            except Exception as fault:
                self.aside.set_aside(name, fault)

    async def _resolve(self, row: SetRow) -> bool:
        """Whether to ask this Region about another place in this look. One that it cannot tell of yet waits behind the others."""
        try:
            committed = await self._peer.resolve(row.prepared_by, row.account, row.key_id, row.serial)
        except KmsError as fault:
            self._log.warning("place not resolved", region=row.prepared_by, key_id=row.key_id, error=fault.code, reason=fault.reason)
            if isinstance(fault, DependencyTimeoutException):
                return False
            committed = True  # no news; the place stays
        await (self._wait_on(row) if committed else self._release(row))
        return True

    async def _wait_on(self, row: SetRow) -> None:
        async with self._store.transaction() as uow:
            await uow.key_sets.update(replace(row, reserved_at=self._clock.now()))

    async def _release(self, row: SetRow) -> None:
        async with self._store.transaction() as uow:
            current = await uow.key_sets.find(row.account, row.key_id)
            if current is None or current.status is not RowStatus.RESERVED or current.serial != row.serial:
                return
            await uow.key_sets.update(release(current))
            await erase_reserved_key(uow, self._trail, current)
        self._directory.forget(row.account, row.key_id)
