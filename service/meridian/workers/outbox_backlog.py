"""How much other Regions have not been told yet, and for how long: looked at by time, so that no scrape asks the database."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from meridian.ports.clock import Clock
from meridian.ports.store.outbox import Backlog
from meridian.ports.store.store import Store
from meridian.workers.periodic import PATIENT_SECONDS, Job

LOOK_SECONDS: Final = 10.0


class OutboxBacklog:
    """Of the whole Region, whichever of its processes is asked."""

    def __init__(self, store: Store, clock: Clock, regions: Collection[str]) -> None:
        self._store = store
        self._clock = clock
        self._regions = tuple(sorted(regions))
        self._found: dict[str, Backlog] = {}

    def job(self) -> Job:
        """Every ten seconds."""
        return Job("outbox backlog", self.look, LOOK_SECONDS, PATIENT_SECONDS)

    async def look(self) -> None:
        """Raises: KmsError if the store fails; what was seen before stays."""
        async with self._store.reading() as uow:
            self._found = {each.target_region: each for each in await uow.outbox.backlogs()}

    def collect(self) -> Iterator[Metric]:
        """The metrics as Prometheus wants them, as of the last look."""
        entries = GaugeMetricFamily("meridian_outbox_entries", "Deliveries that wait for a Region.", labels=["target"])
        oldest = GaugeMetricFamily("meridian_outbox_oldest_seconds", "How long the oldest of them has waited.", labels=["target"])
        now = self._clock.now()
        for region in self._regions:
            found = self._found.get(region)
            entries.add_metric([region], found.entries if found is not None else 0)
            since = found.oldest if found is not None else None
            oldest.add_metric([region], max(0.0, (now - since).total_seconds()) if since is not None else 0.0)
        yield entries
        yield oldest
