"""What a new stream follows on: the end of the log as its files show it, and as it was known beside them.

Files can be moved away while a process writes, or stands still. The database's register and the digests that are left know then what came
last. A new stream says so, and that it was not there: the log has a gap until the files are back, and is whole with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from meridian.audit.digest import Digest, DigestLink, read_digest
from meridian.audit.ended import End
from meridian.audit.neighbours import registered_in
from meridian.audit.stream_files import Head, Left, Tail, cut_torn_tail, digests_in, number_of, stem_of, stream_named
from meridian.ports.store.audit_streams import StreamHead


@dataclass(frozen=True, slots=True)
class LogEnd:
    """What a new stream says that it follows on."""

    tail: Tail | None
    """Where the newest stream that lies there ends; None without one."""
    digest: DigestLink | None
    """The last that was signed of the log, and is left."""
    missing: End | None
    """The last record that is known to come after `tail`; nothing where none is."""


def end_of_log(directory: Path, registered: StreamHead | None) -> LogEnd:
    """Where the log ends, after cutting off a last line that was not written whole; `registered` is what the database knows.

    Raises: OSError.
    """
    left = cut_torn_tail(directory)
    signed = _Signed.of(directory)
    digest = signed.end(registered.stream if registered is not None else "")
    return LogEnd(left.tail, digest.link if digest is not None else None, _missing(left, signed, digest, registered))


@dataclass(frozen=True, slots=True)
class _Signed:
    """What digests say of the order of streams. They are never removed, whatever becomes of the files that they sign."""

    last: Mapping[str, Digest]
    """By stream, the last that can be read."""
    followed: frozenset[str]
    """The streams that another says it follows on."""

    @classmethod
    def of(cls, directory: Path) -> _Signed:
        """Of each stream only the first and the last digest are read. Raises: OSError."""
        runs: dict[str, list[Path]] = {}
        for path in digests_in(directory):
            runs.setdefault(stream_named(stem_of(path)), []).append(path)
        last, followed = dict[str, Digest](), set[str]()
        for stream, paths in runs.items():
            paths.sort(key=number_of)
            newest = _first_readable(paths[::-1])
            if newest is None:
                continue  # verification tells of it
            last[stream] = newest
            oldest = _first_readable(paths[:1]) or newest
            before = {stream_named(stem_of(Path(oldest.previous.name)))} if oldest.previous is not None else set()
            missing = {oldest.kept.missing.stream} if oldest.kept.missing is not None else set()
            followed |= (before | missing) - {stream}
        return cls(last, frozenset(followed))

    def end(self, registered: str) -> Digest | None:
        """The last digest of the stream that no other follows on; between several the database decides, and then the name."""
        ends = [digest for stream, digest in self.last.items() if stream not in self.followed] or list(self.last.values())
        return max(ends, key=lambda digest: (digest.extent.stream == registered, digest.name), default=None)


def _first_readable(paths: Sequence[Path]) -> Digest | None:
    for path in paths:
        try:
            return read_digest(path)
        except ValueError:
            continue
    return None


def _missing(left: Left, signed: _Signed, digest: Digest | None, registered: StreamHead | None) -> End | None:
    """The furthest record that is known of a stream that nothing there follows on, where the files do not reach to it."""
    before = {name for head in left.heads for name in _streams_before(head)}
    known = list[End]()
    if digest is not None and digest.kept.last_hash:  # one of an earlier release does not name its last record
        known.append(End(digest.extent.stream, digest.extent.treeSize - 1, digest.kept.last_hash))
    if registered is not None and registered.sequence >= 0 and registered.stream not in signed.followed:
        known.append(End(registered.stream, registered.sequence, registered.hash))
    here = {head.stream for head in left.heads}
    gone = [end for end in known if _is_beyond(end, left.tail) or (end.stream not in here and end.stream not in before)]
    wanted = registered.stream if registered is not None else ""
    return max(gone, key=lambda end: (end.stream == wanted, end.lastSeq), default=None)


def _streams_before(head: Head) -> tuple[str, ...]:
    """Every stream that the one of this first record came after."""
    registered = registered_in(head)
    return head.previous_stream, head.missing_stream, registered.stream if registered is not None else ""


def _is_beyond(end: End, tail: Tail | None) -> bool:
    if tail is None or tail.stream != end.stream:
        return False
    return tail.end is None or tail.end.lastSeq < end.lastSeq
