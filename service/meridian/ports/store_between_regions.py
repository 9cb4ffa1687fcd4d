"""What the store keeps of other Regions: what they must be told, what of theirs was applied, what operators said of them. Part of
`ports.store.UnitOfWork`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from meridian.domain.multi_region import OperatorWord
from meridian.ports.store_rows import OutboxEntry, Rows


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

    async def list(self, *, limit: int) -> Rows[OutboxEntry]:
        """Entries not yet delivered, oldest first."""
        ...


class Inbox(Protocol):
    """Events already applied, by (source Region, incarnation, sequence)."""

    async def record(self, source_region: str, incarnation: int, sequence: int, digest: bytes, *, now: datetime) -> bool:
        """True when the event is new and now recorded; False when the same event was recorded before.

        Raises: VersionConflict when another event has this place: a fault of the sender, or an attack.
        """
        ...

    async def highest_incarnation(self, source_region: str) -> int:
        """The highest incarnation of the source that was ever recorded; -1 for none."""
        ...

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Forget at most so many events that are older than this; the answer counts them. What incarnations were seen stays known."""
        ...

    async def learn_incarnation(self, source_region: str, incarnation: int) -> None:
        """From now on the source's earlier incarnations are refused."""
        ...

    async def forget_incarnations(self, source_region: str) -> None:
        """The source is heard as one that has never said anything: under whatever incarnation it has."""
        ...


class OperatorWords(Protocol):
    """What the operator has said about other Regions, in this one."""

    async def regions(self, word: OperatorWord) -> frozenset[str]:
        """The Regions of which he has said this."""
        ...

    async def successor(self) -> str:
        """The Region that he named to succeed every one that is lost; empty while none is."""
        ...

    async def say(self, word: OperatorWord, region: str, *, now: datetime) -> None:
        """Keep his word; saying it twice is saying it once."""
        ...

    async def say_lost(self, region: str, successor: str, *, now: datetime) -> None:
        """Keep his word that this Region is lost, and that every lost one is succeeded by `successor`."""
        ...

    async def unsay(self, word: OperatorWord, region: str) -> None:
        """Forget his word, if there is one."""
        ...
