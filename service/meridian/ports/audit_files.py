"""What lies on the disk of the audit log, as far as this process sees it. Nothing of what stands in records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SeenDigest:
    """What a digest says of itself. Its signature was not checked."""

    signed_at: datetime
    records: int
    """How many of its stream it covers."""
    fingerprint: str
    """Of the audit key that it names."""


@dataclass(frozen=True, slots=True)
class StreamFiles:
    """The files of one stream."""

    segments: int
    bytes: int
    """That they take of the disk."""
    last_record_at: datetime | None
    """By the record's own word; None where it would have to be searched for."""
    last_digest: SeenDigest | None


@dataclass(frozen=True, slots=True)
class FilesSeen:
    """What one look saw."""

    streams: Mapping[str, StreamFiles]
    looked_at: datetime
    is_whole: bool
    """Whether every file was looked at."""


class AuditFiles(Protocol):
    """Looks at the audit directories that this process can read."""

    async def look(self, account: str, streams: frozenset[str]) -> FilesSeen:
        """These streams, as they lie there now or did some seconds ago; the look is this account's. What cannot be read is left out.

        Raises: ThrottlingException where too many ask for heavy work."""
        ...
