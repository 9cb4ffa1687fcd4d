"""Sets compared with the other Regions, every minute, and when one is heard of again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Collection
from functools import partial
from typing import Final

from meridian.errors import KmsError
from meridian.log import structlog
from meridian.ports.security_events import SecurityEvent, SecurityEvents
from meridian.ports.store.faults import VersionConflict
from meridian.ports.store.store import Store
from meridian.replication.compare import Compare, RestoredUnannounced
from meridian.setbacks import Setbacks
from meridian.workers.periodic import PATIENT_SECONDS, Job, Wake

ROUND_SECONDS: Final = 20.0
"""Of comparing with one Region: what is not begun by then is done in the next round."""
BETWEEN_ROUNDS_SECONDS: Final = 1.6
"""Where one round follows another: half of the rate that the other Region allows is left to deliveries."""


class CompareWorker:
    """Compares with every other Region at the start, then at an interval, and when a Region is heard of again."""

    def __init__(
        self,
        *,
        compare: Compare,
        regions: Collection[str],
        store: Store,
        seconds: float,
        wake_outbox: Callable[[], None],
        events: SecurityEvents,
    ) -> None:
        self._events = events
        self._compare = compare
        self._store = store
        self._seconds = seconds
        self._wake_outbox = wake_outbox
        self._wakes = {region: Wake() for region in regions}
        self._log = structlog.get_logger("meridian.compare")
        self._setbacks = {region: Setbacks(f"comparing with {region}") for region in regions}
        self._ending = asyncio.Lock()
        self._is_ending = False

    def wake(self) -> None:
        """A Region that was out of reach answers again."""
        for wake in self._wakes.values():
            wake()

    def jobs(self) -> list[Job]:
        """One for each Region, at an interval, and when woken: one that is slow to answer keeps no other from being compared with."""
        return [
            Job(f"comparing {region}", partial(self.compare, region), self._seconds, PATIENT_SECONDS, wake)
            for region, wake in self._wakes.items()
        ]

    async def compare(self, region: str) -> bool:
        """Walk a round with this Region; true where there is more to compare now.

        A Region whose own database turns out to be an older one ends itself and starts as restored.
        """
        try:
            with self._setbacks[region].expected(KmsError, VersionConflict, TimeoutError):  # out of reach, slow, or a row has moved on
                async with asyncio.timeout(ROUND_SECONDS):
                    walked = await self._compare.with_region(region)
                if walked.found:
                    self._wake_outbox()
                if walked.is_cut_short:
                    await asyncio.sleep(BETWEEN_ROUNDS_SECONDS)
                return walked.is_cut_short
        except RestoredUnannounced as found:
            await self._restart_as_restored(region, str(found))
        except Exception as fault:  # what a Region says never becomes a fault of this job
            self._events.report_fault(fault, during=f"comparing with {region}")
        return False

    async def _restart_as_restored(self, region: str, key_id: str) -> None:
        async with self._ending:
            if self._is_ending:
                return
            async with self._store.transaction() as uow:
                incarnation = await uow.region.begin_incarnation()
                sets = await uow.key_sets.mark_stale()
            self._is_ending = True
        self._events.report(SecurityEvent.DATABASE_STALE, subject="database", toldBy=region, keyId=key_id, sets=str(sets))
        self._log.critical("this database is older than what it has told others", told_by=region, key_id=key_id, sets=sets)
        self._log.critical("ends, to start again as restored", incarnation=incarnation)
        signal.raise_signal(signal.SIGTERM)
