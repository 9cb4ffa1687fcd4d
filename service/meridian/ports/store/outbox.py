"""Intentions to tell other Regions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from meridian.ports.store.rows import Rows


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """An intention to tell one Region about one set. The body is read and sealed when it is sent."""

    kind: str
    """"set_state", "held" or "gone"."""
    target_region: str
    account: str
    key_id: str
    request_id: str
    """Correlation id of the call that caused it."""
    sequence: int
    """Unique and rising per Region; a newer intention of the same kind, set and target replaces one not yet delivered."""
    attempts: int
    due_at: datetime
    lease_owner: str
    last_error: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """What one Region has not been told yet."""

    target_region: str
    entries: int
    oldest: datetime | None
    """When the oldest of them was put there; None where no row says it in a way that can be read."""


class Outbox(Protocol):
    """Intentions to tell other Regions. One row per kind, set and target."""

    async def put(self, kind: str, target_region: str, account: str, key_id: str, *, request_id: str, now: datetime) -> None:
        """Record an intention, due at once. Replaces one of the same kind, set and target, under a new sequence."""
        ...

    async def claim_due(
        self, target_region: str, *, now: datetime, lease_owner: str, lease_seconds: float, limit: int
    ) -> Rows[OutboxEntry]:
        """Due entries for this Region that nobody holds, now held by `lease_owner` until the lease ends; each with attempts + 1 and a
        sequence of its own: what is sent at one attempt is never taken for what was sent at another."""
        ...

    async def has_for(self, target_region: str) -> bool:
        """Whether anything waits for this Region, due or not, held or not."""
        ...

    async def delivered(self, entry: OutboxEntry) -> None:
        """Remove the entry, unless a newer sequence has replaced it."""
        ...

    async def failed(self, entry: OutboxEntry, *, due_at: datetime, error: str) -> None:
        """Release the entry for `due_at`, unless a newer sequence has replaced it."""
        ...

    async def is_empty_for(self, account: str, key_id: str, *, left_out: Collection[str]) -> bool:
        """Whether nothing about this set waits for delivery to any Region but these."""
        ...

    async def drop_all_but(self, targets: Collection[str]) -> Sequence[str]:
        """Remove what waits for delivery to any Region but these; the answer names the Regions that it waited for."""
        ...

    async def backlogs(self) -> Sequence[Backlog]:
        """What waits, by Region; none of a Region for which nothing does."""
        ...

    async def backlogs_of(self, account: str) -> Sequence[Backlog]:
        """The same, of the keys of one account."""
        ...

    async def list(self, *, limit: int) -> Rows[OutboxEntry]:
        """Entries not yet delivered, oldest first."""
        ...
