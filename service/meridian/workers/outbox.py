"""Delivers what other Regions must be told: claimed with a lease, sent outside any transaction, retried with growing delay."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from meridian.errors import KmsError
from meridian.ports.clock import Clock
from meridian.ports.entropy import Entropy
from meridian.ports.store import Store
from meridian.replication.dispatch import Dispatch, Letter, read_letter
from meridian.setbacks import Setbacks

LEASE_SECONDS: Final = 15.0
CLAIMED_MAX: Final = 16
IDLE_SECONDS: Final = 1.0
DELAY_SECONDS_MIN: Final = 0.1
DELAY_SECONDS_MAX: Final = 30.0


class OutboxWorker:
    """One per process; several processes of a Region never send one entry at the same time."""

    def __init__(self, *, store: Store, dispatch: Dispatch, clock: Clock, entropy: Entropy, owner: str) -> None:
        self._store = store
        self._dispatch = dispatch
        self._clock = clock
        self._entropy = entropy
        self._owner = owner
        self._wake = asyncio.Event()
        self._out_of_reach: set[str] = set()
        self.on_healed: Callable[[], None] = lambda: None
        """Called when a Region takes a delivery after one has failed."""
        self.deliveries = 0
        """How many were taken by their target."""
        self.failures = 0
        """How many tries failed; each is tried again."""
        self._log = structlog.get_logger("meridian.outbox")
        self._setbacks = Setbacks("sending to other Regions")

    def wake(self) -> None:
        """There is something to send now."""
        self._wake.set()

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        while True:
            self._wake.clear()
            sent = 0
            with self._setbacks.expected(KmsError):  # the database is away; entries wait there
                sent = await self.send_due()
            if sent < CLAIMED_MAX:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), IDLE_SECONDS)

    async def send_due(self) -> int:
        """Send one claim of due entries; the answer counts them. Raises: KmsError if the store fails."""
        async with self._store.transaction() as uow:
            entries = await uow.outbox.claim_due(
                now=self._clock.now(), lease_owner=self._owner, lease_seconds=LEASE_SECONDS, limit=CLAIMED_MAX
            )
            letters = [await read_letter(uow, entry) for entry in entries]
        await asyncio.gather(*[self._send(letter) for letter in letters])
        return len(letters)

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
        self.deliveries += 1
        if entry.target_region in self._out_of_reach:
            self._out_of_reach.discard(entry.target_region)
            self.on_healed()
        async with self._store.transaction() as uow:
            await uow.outbox.delivered(entry)

    def _delay(self, attempts: int) -> float:
        longest = min(DELAY_SECONDS_MAX, DELAY_SECONDS_MIN * 2.0 ** min(attempts, 16))
        jitter = int.from_bytes(self._entropy.random_bytes(2), "big") / 0xFFFF
        return float(longest * (0.5 + jitter / 2))
