"""Delivers what other Regions must be told: claimed with a lease, sent outside any transaction, retried with growing delay.

Each destination has a job of its own, so one that is slow or silent delays no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import timedelta
from functools import partial
from typing import Final

from meridian.errors import KmsError
from meridian.log import structlog
from meridian.ports.clock import Clock
from meridian.ports.entropy import Entropy
from meridian.ports.security_events import SecurityEvents
from meridian.ports.store.outbox import OutboxEntry
from meridian.ports.store.store import STILL_SECONDS_MAX, Store, UnitOfWork
from meridian.replication.send import Dispatch, Letter, read_letter
from meridian.workers.periodic import PATIENT_SECONDS, Job, Wake
from meridian.workers.set_aside import SetAside, UnreadableRowError
from meridian.workers.unless_still import UnlessStill, rests_where

LEASE_SECONDS: Final = 15.0
CLAIMED_MAX: Final = 16
IDLE_SECONDS: Final = 1.0
DELAY_SECONDS_MIN: Final = 0.1
DELAY_SECONDS_MAX: Final = 30.0


class OutboxWorker:
    """One per process; several processes of a Region never send one entry at the same time."""

    def __init__(
        self,
        *,
        store: Store,
        dispatch: Dispatch,
        clock: Clock,
        entropy: Entropy,
        owner: str,
        regions: Collection[str],
        events: SecurityEvents,
    ) -> None:
        self._store = store
        self._dispatch = dispatch
        self._clock = clock
        self._waiting: set[str] = set()
        """Regions that something waited for at the last look."""
        self._entropy = entropy
        self._owner = owner
        self._wakes = {region: Wake() for region in regions}
        self.aside = SetAside("outbox", clock=clock, events=events)
        self._out_of_reach: set[str] = set()
        self.on_healed: Callable[[], None] = lambda: None
        """Called when a Region takes a delivery after one has failed."""
        self.deliveries = 0
        """How many were taken by their target."""
        self.failures = 0
        """How many tries failed; each is tried again."""
        self._log = structlog.get_logger("meridian.outbox")

    def wake(self) -> None:
        """There is something to send now."""
        for wake in self._wakes.values():
            wake()

    def jobs(self) -> list[Job]:
        """One for each destination."""
        return [Job(f"outbox {region}", self._look(region), IDLE_SECONDS, PATIENT_SECONDS, wake) for region, wake in self._wakes.items()]

    def _look(self, region: str) -> UnlessStill:
        rests = rests_where(lambda: region not in self._waiting, STILL_SECONDS_MAX)
        return UnlessStill(partial(self.send_due, region), self._store, self._clock, rests)

    async def drop_unsendable(self) -> None:
        """At the start of the process: nothing waits for a Region that is configured no more; it would wait for ever, and keep the
        keys that it is about from ever leaving. What such a Region should know it learns by comparing, once it is configured again.

        Raises: KmsError if the store fails.
        """
        async with self._store.transaction() as uow:
            dropped = await uow.outbox.drop_all_but(tuple(self._wakes))
        if dropped:
            self._log.warning("what waited for Regions that are not configured is dropped", regions=dropped)

    async def send_due(self, region: str) -> bool:
        """Send one claim of what is due to this Region; true where there may be more. Raises: KmsError if the store fails."""
        async with self._store.transaction() as uow:
            entries = await uow.outbox.claim_due(
                region, now=self._clock.now(), lease_owner=self._owner, lease_seconds=LEASE_SECONDS, limit=CLAIMED_MAX
            )
            letters = [letter for entry in entries if (letter := await self._read(uow, entry)) is not None]
            if entries or entries.unreadable or await uow.outbox.has_for(region):
                self._waiting.add(region)
            else:
                self._waiting.discard(region)
        for unreadable in entries.unreadable:  # claimed like the others, and so not met again before the lease ends
            self.failures += 1
            self.aside.set_aside_once(unreadable.name, UnreadableRowError(unreadable.fault))
        await asyncio.gather(*[self._send(letter) for letter in letters])
        return len(entries) + len(entries.unreadable) == CLAIMED_MAX

    async def _read(self, uow: UnitOfWork, entry: OutboxEntry) -> Letter | None:
        try:
            return await read_letter(uow, entry)
        except KmsError:
            raise
        except Exception as fault:
            await self._set_aside(uow, entry, fault)
            return None

    async def _set_aside(self, uow: UnitOfWork, entry: OutboxEntry, fault: Exception) -> None:
        """One row that cannot be read or sent holds no other up."""
        self.failures += 1
        self.aside.set_aside(_name(entry), fault)
        due_at = self._clock.now() + timedelta(seconds=self._delay(entry.attempts))
        await uow.outbox.failed(entry, due_at=due_at, error=type(fault).__name__)

    async def _send(self, letter: Letter) -> None:
        entry = letter.entry
        try:
            await self._dispatch.send(letter)
        except KmsError as fault:
            self.failures += 1
            self._out_of_reach.add(entry.target_region)
            due_at = self._clock.now() + timedelta(seconds=self._delay(entry.attempts))
            async with self._store.transaction() as uow:
                await uow.outbox.failed(entry, due_at=due_at, error=f"{fault.code}: {fault.message} {fault.reason}")
            self._log.warning("delivery failed", kind=entry.kind, target=entry.target_region, attempts=entry.attempts, error=fault.code)
            return
        except Exception as fault:
            async with self._store.transaction() as uow:
                await self._set_aside(uow, entry, fault)
            return
        self.deliveries += 1
        self.aside.release(_name(entry))
        if entry.target_region in self._out_of_reach:
            self._out_of_reach.discard(entry.target_region)
            self.on_healed()
        async with self._store.transaction() as uow:
            await uow.outbox.delivered(entry)

    def _delay(self, attempts: int) -> float:
        longest = min(DELAY_SECONDS_MAX, DELAY_SECONDS_MIN * 2.0 ** min(attempts, 16))
        jitter = int.from_bytes(self._entropy.random_bytes(2), "big") / 0xFFFF
        return float(longest * (0.5 + jitter / 2))


def _name(entry: OutboxEntry) -> tuple[str, str, str, str]:
    return entry.kind, entry.target_region, entry.account, entry.key_id
