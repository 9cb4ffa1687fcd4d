"""What the Region's database knows of its audit streams, apart from their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StreamHead:
    """The last record of a stream that was durable."""

    stream: str
    sequence: int
    """-1 before the first record."""
    hash: str
    """Leaf hash of that record."""
    digests: int
    """How many digests the stream has."""


@dataclass(frozen=True, slots=True)
class StreamRow:
    """A stream as it is registered."""

    number: int
    """Rises with each stream of the Region."""
    replica: str
    opened_at: datetime
    head: StreamHead
    is_closed: bool


@dataclass(frozen=True, slots=True)
class AuditKeyRow:
    """The public half of an audit key. Rows are never removed."""

    number: int
    public_key: bytes
    signature: bytes
    """By the key before it; empty for the first."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RegisterView:
    """What the database says at one moment, for who removes what is old."""

    now: datetime
    """By its own clock."""
    keys: Sequence[AuditKeyRow]
    heads: Mapping[str, StreamHead | None]
    """Of the streams that were asked for; nothing of one that it does not know."""


@dataclass(frozen=True, slots=True)
class KeyTrace:
    """What the database holds that records must tell of: one key."""

    account: str
    key_id: str
    arn: str
    created_at: datetime
    is_to_be_deleted: bool


@dataclass(frozen=True, slots=True)
class Verification:
    """What one run of `meridian audit verify --against-db` came to."""

    verified_at: datetime
    """By the database's clock."""
    verdict: str
    """In its word."""
    findings: int
    unproven: int
    records: int
    streams: int


class AuditStreams(Protocol):
    """The register of streams and audit keys."""

    async def open(self, stream: str, replica: str, *, now: datetime) -> None:
        """Register a stream before its first record. Raises: VersionConflict if there is one of this name."""
        ...

    async def move(self, head: StreamHead, *, is_closed: bool) -> None:
        """Note where a stream ends now. A head that lies before the one that is noted changes nothing."""
        ...

    async def newest(self, replica: str) -> StreamRow | None:
        """The stream that this replica opened last, of those of which a record is known: a start may fail before it writes one."""
        ...

    async def last(self) -> StreamRow | None:
        """The one that was registered last, by any process."""
        ...

    async def find(self, stream: str) -> StreamRow | None:
        """A stream by its name."""
        ...

    async def list(self, *, after: int, limit: int) -> Sequence[StreamRow]:
        """Streams with a greater number, in the order they were opened."""
        ...

    async def newest_of_all(self, *, limit: int) -> Sequence[StreamRow]:
        """The streams that were registered last, by any process, newest first."""
        ...

    async def count(self) -> int:
        """How many streams are registered."""
        ...

    async def note_verification(self, made: Verification) -> None:
        """Keep what the last verification came to, in the place of the one before."""
        ...

    async def last_verification(self) -> Verification | None:
        """What was kept of it; None where nobody has verified."""
        ...

    async def keys(self) -> Sequence[AuditKeyRow]:
        """Every audit key that the Region ever had, oldest first."""
        ...

    async def insert_key(self, row: AuditKeyRow) -> None:
        """Publish an audit key. Raises: VersionConflict if its number is taken."""
        ...

    async def events_stored(self, *, limit: int) -> Sequence[tuple[str, str]]:
        """(event id, where it stands) of every event that other rows speak of."""
        ...

    async def uses_stored(self, *, limit: int) -> Mapping[str, datetime]:
        """When each key was last used, by the event id of that use."""
        ...

    async def keys_stored(self, *, after: tuple[str, str], limit: int) -> Sequence[KeyTrace]:
        """Keys in the order of (account, key id), after this one."""
        ...
