"""Reserved places without news: asked about at the Region that prepared them, and released where they were refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Final

from meridian.domain.key import KeyState
from meridian.domain.multi_region import RowStatus, SetRow
from meridian.errors import KmsError
from meridian.ports.audit import AuditTrail
from meridian.ports.clock import Clock
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.region_peer import RegionPeer
from meridian.ports.store import Store, VersionConflict
from meridian.replication.set_state import release
from meridian.setbacks import Setbacks

LOOK_SECONDS: Final = 5.0
ROWS_PER_LOOK: Final = 20
ABANDONED: Final = "DeleteKey"


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
        after_seconds: float,
    ) -> None:
        self._store = store
        self._peer = peer
        self._directory = directory
        self._trail = trail
        self._clock = clock
        self._setbacks = Setbacks("ending of reservations")
        self._after = timedelta(seconds=after_seconds)

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(min(LOOK_SECONDS, max(0.2, self._after.total_seconds())))
            with self._setbacks.expected(KmsError, VersionConflict):  # the next look tries again
                await self.resolve_reserved()

    async def resolve_reserved(self) -> None:
        """Ask about every place reserved for too long. Raises: KmsError, VersionConflict."""
        async with self._store.reading() as uow:
            rows = await uow.key_sets.list_reserved(before=self._clock.now() - self._after, limit=ROWS_PER_LOOK)
        for row in rows:
            committed = await self._peer.resolve(row.prepared_by, row.account, row.key_id, row.serial)
            await (self._wait_on(row) if committed else self._release(row))

    async def _wait_on(self, row: SetRow) -> None:
        async with self._store.transaction() as uow:
            await uow.key_sets.update(replace(row, reserved_at=self._clock.now()))

    async def _release(self, row: SetRow) -> None:
        async with self._store.transaction() as uow:
            current = await uow.key_sets.find(row.account, row.key_id)
            if current is None or current.status is not RowStatus.RESERVED or current.serial != row.serial:
                return
            await uow.key_sets.update(release(current))
            key = await uow.keys.find(row.account, row.key_id)
            if key is not None and key.state is KeyState.CREATING:
                await uow.keys.delete(key)
                await self._trail.record_service_event(uow, ABANDONED, key, request_id=row.request_id)
        self._directory.forget(row.account, row.key_id)
