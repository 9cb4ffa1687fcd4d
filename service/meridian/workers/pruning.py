"""Rows that nobody can need any more: old changes of the feed, old messages of other Regions, answers that are repeated no more,
wrapping keys whose token has expired."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from meridian.domain.limits import Limits
from meridian.ports.store.store import Store
from meridian.workers.periodic import PATIENT_SECONDS, Job

LOOK_SECONDS: Final = 60.0
ROWS_PER_LOOK: Final = 500


class PruneWorker:
    """One per process; several of a Region prune the same rows once."""

    def __init__(self, *, store: Store, limits: Limits) -> None:
        self._store = store
        self._limits = limits

    def job(self) -> Job:
        """Once a minute, and again at once while there is more."""
        return Job("pruning", self.prune, LOOK_SECONDS, PATIENT_SECONDS)

    async def prune(self) -> bool:
        """Remove what is past its end; true where there is more. Raises: StoreUnavailable."""
        async with self._store.transaction() as uow:
            now = await uow.region.now()
            oldest = now - timedelta(seconds=self._limits.inbox_days * self._limits.day_seconds)
            await uow.import_keys.delete_expired(now=now)
            await uow.region.prune_changes(keep=self._limits.change_feed_rows)
            pruned = await uow.inbox.prune(before=oldest, limit=ROWS_PER_LOOK), await uow.answers.prune(now=now, limit=ROWS_PER_LOOK)
            return ROWS_PER_LOOK in pruned
