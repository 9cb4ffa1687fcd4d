"""How the Region's audit log stands: what the database has registered, what lies on the disk, where it is shipped, how it was verified."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from meridian.audit.keys import AuditKey
from meridian.ports.audit_files import AuditFiles, FilesSeen, StreamFiles
from meridian.ports.audit_sinks import SinkStanding
from meridian.ports.store.audit_streams import StreamRow, Verification
from meridian.ports.store.store import Store

STREAMS_MAX: Final = 50
"""That are told of, the newest first."""


@dataclass(frozen=True, slots=True)
class StreamStanding:
    """One stream."""

    row: StreamRow
    is_here: bool
    """Whether the process that answers writes it."""
    files: StreamFiles | None
    """None where this process sees none of them."""


@dataclass(frozen=True, slots=True)
class LogStanding:
    """All of it."""

    streams: tuple[StreamStanding, ...]
    registered: int
    seen: FilesSeen
    signed_until: datetime | None
    """Up to when the records of all open ones are signed; None where that cannot be said."""
    key_numbers: Mapping[str, int]
    """Of the Region's audit keys, by their fingerprints."""
    sinks: Sequence[SinkStanding]
    free_bytes: int
    reserve_bytes: int
    verification: Verification | None


class AuditStanding:
    """Looks when it is asked."""

    def __init__(
        self,
        store: Store,
        files: AuditFiles,
        *,
        own_stream: Callable[[], str],
        sinks: Callable[[], Sequence[SinkStanding]],
        free_bytes: Callable[[], int],
        reserve_bytes: int,
    ) -> None:
        self._store = store
        self._files = files
        self._own_stream = own_stream
        self._sinks = sinks
        self._free_bytes = free_bytes
        self._reserve_bytes = reserve_bytes

    async def look(self, account: str) -> LogStanding:
        """As it stands now, for a caller of this account. Raises: KmsError if the store fails, or too many ask."""
        async with self._store.reading() as uow:
            rows = await uow.audit_streams.newest_of_all(limit=STREAMS_MAX)
            registered = await uow.audit_streams.count()
            keys = await uow.audit_streams.keys()
            verification = await uow.audit_streams.last_verification()
        seen = await self._files.look(account, frozenset(row.head.stream for row in rows))
        own = self._own_stream()
        streams = tuple(StreamStanding(row, row.head.stream == own, seen.streams.get(row.head.stream)) for row in rows)
        return LogStanding(
            streams=streams,
            registered=registered,
            seen=seen,
            signed_until=signed_until(streams),
            key_numbers={AuditKey(key.number, key.public_key, key.signature).fingerprint: key.number for key in keys},
            sinks=self._sinks(),
            free_bytes=self._free_bytes(),
            reserve_bytes=self._reserve_bytes,
            verification=verification,
        )


def signed_until(streams: Sequence[StreamStanding]) -> datetime | None:
    """Up to when the records of all open streams are signed; None where one of them has no digest that was seen, or none is open."""
    digests = [each.files.last_digest if each.files is not None else None for each in streams if not each.row.is_closed]
    moments = [digest.signed_at for digest in digests if digest is not None]
    return min(moments) if moments and len(moments) == len(digests) else None
