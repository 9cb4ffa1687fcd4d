"""What lies on the disk of the audit log: one look for all who ask, in a thread, bounded, and remembered for some seconds.

Names say which stream a file belongs to, as they do for the eye; whoever verifies the log reads what the files say themselves.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from meridian.adapters.audit_ended_streams import BLOCK_BYTES
from meridian.audit.digest import SUFFIX as DIGEST_SUFFIX
from meridian.audit.digest import Digest, read_digest
from meridian.audit.segments import SUFFIX, is_compressed, plain_name
from meridian.audit.stream_files import NUMBER_DIGITS, last_record, number_of, stem_of, stream_named
from meridian.audit.values import is_time
from meridian.ports.audit_files import FilesSeen, SeenDigest, StreamFiles
from meridian.ports.clock import Clock
from meridian.ports.heavy_work import HeavyWork

KEPT_SECONDS: Final = 5.0
"""How long one look is told to all who ask."""
ENTRIES_MAX: Final = 200_000
"""Files of one look: a year of segments and digests of one process."""
DIGESTS_BACK: Final = 64
"""Digests that are read, from the last one back, for one that speaks of a segment: those of quiet intervals speak of none."""


@dataclass(slots=True)
class _Seen:
    """The files of one stream, so far."""

    segments: int = 0
    bytes: int = 0
    last_segment: Path | None = None
    last_digest: Path | None = None
    names: set[str] = field(default_factory=set)
    """Of segments; one that is being compressed lies there twice."""


class LookedAtFiles:
    """Implements `ports.audit_files.AuditFiles`. Used on one event loop."""

    def __init__(self, directories: Callable[[], Mapping[str, Path]], heavy: HeavyWork, clock: Clock) -> None:
        self._directories = directories
        self._heavy = heavy
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._streams = frozenset[str]()
        self._last: FilesSeen | None = None
        self._last_at = clock.monotonic()

    async def look(self, account: str, streams: frozenset[str]) -> FilesSeen:
        async with self._one_at_a_time:
            kept = self._last
            if kept is not None and streams == self._streams and self._clock.monotonic() - self._last_at < KEPT_SECONDS:
                return kept
            made = await self._heavy.run(account, partial(look_at, self._directories, streams, self._clock.now()))
            self._last, self._last_at, self._streams = made, self._clock.monotonic(), streams
            return made


def look_at(directories: Callable[[], Mapping[str, Path]], streams: frozenset[str], now: datetime) -> FilesSeen:
    """The same look, at once. `directories`: by their names; it raises OSError where they cannot be listed."""
    found = {stream: _Seen() for stream in streams}
    left = ENTRIES_MAX
    try:
        places = list(directories().values())
    except OSError:
        places, left = [], 0
    for directory in places:
        for entry in islice(_files_in(directory), left):
            left -= 1
            _note(found, Path(entry.path), entry)
    told = {stream: _told(stream, seen) for stream, seen in found.items() if seen.segments or seen.last_digest is not None}
    return FilesSeen(told, now, is_whole=left > 0)


def _files_in(directory: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            yield from entries
    except OSError:
        return  # what cannot be read is left out: verification tells of it


def _note(found: dict[str, _Seen], path: Path, entry: os.DirEntry[str]) -> None:
    is_segment = plain_name(path).endswith(SUFFIX)
    if not is_segment and path.suffix != DIGEST_SUFFIX:
        return
    seen = found.get(stream_named(stem_of(path)))
    if seen is None:
        return
    try:
        if not entry.is_file(follow_symlinks=False):
            return
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return  # it has gone meanwhile
    if not is_segment:
        seen.last_digest = _later(seen.last_digest, path)
        return
    seen.bytes += min(status.st_size, status.st_blocks * BLOCK_BYTES)
    if plain_name(path) not in seen.names:
        seen.names.add(plain_name(path))
        seen.segments += 1
        seen.last_segment = _later(seen.last_segment, path)


def _later(known: Path | None, path: Path) -> Path:
    return path if known is None or number_of(path) > number_of(known) else known


def _told(stream: str, seen: _Seen) -> StreamFiles:
    digests = _digests_back(seen.last_digest)
    last = next(digests, None)
    told = None
    if last is not None:
        told = SeenDigest(datetime.fromisoformat(last.end), last.extent.treeSize, last.fingerprint)
    back = [last] if last is not None else []
    return StreamFiles(seen.segments, seen.bytes, _last_record_at(stream, seen.last_segment, (*back, *digests)), told)


def _digests_back(path: Path | None) -> Iterator[Digest]:
    """From this digest back, those that can be read."""
    if path is None:
        return
    stem, last = stem_of(path), number_of(path)
    for number in range(last, max(-1, last - DIGESTS_BACK), -1):
        try:
            yield read_digest(path.with_name(f"{stem}-{number:0{NUMBER_DIGITS}d}{DIGEST_SUFFIX}"))
        except (OSError, ValueError):
            continue  # verification tells of it


def _last_record_at(stream: str, segment: Path | None, digests: Iterable[Digest]) -> datetime | None:
    """From the end of a plain segment; of one that is compressed the digest that signed it knows."""
    if segment is not None and not is_compressed(segment):
        try:
            said = last_record(segment, stream)[1]
        except OSError:
            said = ""
        if is_time(said):
            return datetime.fromisoformat(said)
    newest = next((each.log_files[-1].newest for each in digests if each.log_files), "")
    return datetime.fromisoformat(newest) if is_time(newest) else None
