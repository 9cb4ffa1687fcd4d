"""Streams of processes that have ended, each with the last record that the Region itself has signed of it.

Whoever can write the directory can put files of any name and content there: of what a digest says nothing with a signature of the Region,
nothing is ended. It is told, and stays for verification to look at.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meridian.audit.check_digests import is_signed
from meridian.audit.check_ended import ends_in
from meridian.audit.digest import Digest, read_digest
from meridian.audit.ended import End, Ended
from meridian.audit.keys import AuditKeys, RegionNames
from meridian.audit.stream_files import digests_in, last_record, number_of, runs_in, stem_of
from meridian.audit.values import is_time
from meridian.ports.store.audit_streams import StreamHead

LOOKED_AT: Final = 8
"""Of how many digests of a stream, from its last one back, one must be the Region's."""
BLOCK_BYTES: Final = 512
"""The unit of `st_blocks`."""


@dataclass(frozen=True, slots=True)
class Own:
    """The stream that is being written, and where."""

    directory: Path
    stream: str
    names: RegionNames


@dataclass(slots=True)
class Candidate:
    """Files that go together."""

    signed: End
    """The last record of them; its hash is empty where a digest of an earlier release alone speaks of it."""
    signed_at: str
    """When the digest that says so was signed: none of the records is newer."""
    paths: Sequence[Path]
    size: int
    ended: Ended | None
    """What a digest is to say of them; nothing until the last record was read."""
    is_refused: bool


class EndedStreams:
    """Used by one thread at a time. It tells each fault once, and goes on without that stream."""

    def __init__(self, own: Own, tell: Callable[[OSError], None]) -> None:
        self._own = own
        self._tell = tell

    def found(self, keys: AuditKeys) -> list[Candidate]:
        """Each of them, whole, the one that was signed last at the end. Raises: OSError."""
        ends = self._signed_ends(keys)
        candidates = []
        for stream, paths in runs_in(self._own.directory).items():
            if stream == self._own.stream or not paths:
                continue
            if stream not in ends:
                self._refuse(stream, "no digest of the Region says where it ends")
                continue
            try:
                size = sum(size_of(path) for path in paths)
            except OSError as fault:
                self._refuse(stream, fault.strerror or str(fault))
                continue
            end, signed_at = ends[stream]
            candidates.append(Candidate(end, signed_at, paths, size, None, False))
        return sorted(candidates, key=lambda each: each.signed_at)

    def read(self, candidate: Candidate, head: StreamHead | None) -> None:
        """Compare the last record with what was signed of it, and with the head that the database has."""
        stream = candidate.signed.stream
        try:
            end, newest = last_record(candidate.paths[-1], stream)
            fault = _fault_of(end, newest, candidate, head)
        except OSError as unreadable:
            fault = unreadable.strerror or str(unreadable)
        if fault:
            candidate.is_refused = True
            self._refuse(stream, fault)
        else:
            candidate.ended = Ended(stream, end.lastSeq, end.lastHash, newest)

    def _refuse(self, stream: str, fault: str) -> None:
        self._tell(OSError(errno.EBADMSG, f"stream {stream} is kept: {fault}"))

    def _signed_ends(self, keys: AuditKeys) -> dict[str, tuple[End, str]]:
        """By stream, the furthest record that is signed, and when it was first."""
        found: dict[str, tuple[End, str]] = {}
        for digest in self._own_digests(keys):
            for end in ends_in(digest):
                known, when = found.get(end.stream, (end, digest.end))
                if end.lastSeq == known.lastSeq:
                    found[end.stream] = End(end.stream, end.lastSeq, known.lastHash or end.lastHash), min(when, digest.end)
                elif end.lastSeq > known.lastSeq:
                    found[end.stream] = end, digest.end
        return found

    def _own_digests(self, keys: AuditKeys) -> Iterator[Digest]:
        """The first one of each stream, and its last."""
        runs: dict[str, list[Path]] = {}
        for path in digests_in(self._own.directory):
            runs.setdefault(stem_of(path), []).append(path)
        for paths in runs.values():
            paths.sort(key=number_of)
            last = (digest for path in paths[: -LOOKED_AT - 1 : -1] if (digest := _own_digest(path, keys)) is not None)
            yield from (digest for digest in (_own_digest(paths[0], keys), next(last, None)) if digest is not None)


def _own_digest(path: Path, keys: AuditKeys) -> Digest | None:
    """Raises: OSError."""
    try:
        digest = read_digest(path)
    except ValueError:
        return None  # verification tells of it
    return digest if is_signed(digest, keys) else None


def _fault_of(end: End, newest: str, candidate: Candidate, head: StreamHead | None) -> str:
    signed = candidate.signed
    if end.lastSeq != signed.lastSeq or signed.lastHash not in ("", end.lastHash):
        return "it does not end with the record that was signed last"
    if head is not None and head.sequence > end.lastSeq:
        return "the database has seen more records of it"
    if head is not None and head.sequence == end.lastSeq and head.hash != end.lastHash:
        return "its last record is not the one that the database has seen"
    return "" if is_time(newest) else "its last record is of no time"


def size_of(path: Path) -> int:
    """What a file takes of the disk: a hole in it is nothing that keeping less would give back. Raises: OSError."""
    status = path.stat()
    return min(status.st_size, status.st_blocks * BLOCK_BYTES)
