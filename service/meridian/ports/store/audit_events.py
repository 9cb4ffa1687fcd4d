"""Audit events that are stored with their changes, until they stand in a stream.

Each is leased to one stream, by the database's clock: that stream's process writes it, and no other while the lease lasts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

LEASE_SECONDS: Final = 15.0
"""How long a stream holds an event."""
STEADY_SECONDS: Final = 5.0
"""What must be left of a lease when a process begins to write; one that has less than ten seconds left is renewed by then."""
NOBODY: Final = ""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event that waits to be written."""

    event_id: str
    body: bytes
    taken_from: str
    """The stream that held it before and may have written it; empty where there was none."""


class AuditEvents(Protocol):
    """Events stored with the change they tell of, until they are durable in an audit stream."""

    async def has_any(self) -> bool:
        """Whether an event is stored, whoever holds it."""
        ...

    async def insert(self, event_id: str, body: bytes, *, owner: str) -> None:
        """Store an event in this transaction, leased to a stream; `NOBODY` leaves it to whoever claims it first."""
        ...

    async def claim(self, owner: str, *, limit: int) -> None:
        """Lease to this stream what nobody holds any more, and anew what it would soon lose; in one statement. Before that, no lease is
        left that would last longer than one from now on: the clock may have gone back since it began."""
        ...

    async def take(self, owner: str, *, before: str) -> None:
        """Lease to this stream everything that one holds whose process has ended."""
        ...

    async def hold(self, owner: str, event_id: str) -> bool:
        """Lease an event anew to the stream that holds it; False if it is another's, or gone."""
        ...

    async def held(self, owner: str, *, are_steady: bool) -> Sequence[str]:
        """The ids of what this stream holds, in the order they were stored; `are_steady`: for `STEADY_SECONDS` more at least."""
        ...

    async def owners(self) -> Sequence[str]:
        """The streams that hold something."""
        ...

    async def read(self, event_ids: Collection[str]) -> Sequence[StoredEvent]:
        """These events, in the order they were stored."""
        ...

    async def give_up(self, owner: str) -> None:
        """Let others have at once what this stream holds."""
        ...

    async def remove(self, event_ids: Collection[str]) -> None:
        """Forget events that are durable in a stream."""
        ...
