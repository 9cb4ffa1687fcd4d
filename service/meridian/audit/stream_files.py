"""The files of an audit directory: which stream each holds, where streams end, what stands in them.

Names only help the eye. A file says itself which stream it holds and where in it; a stream says itself which one came before.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from meridian.audit import digest as digests
from meridian.audit import segments
from meridian.audit.chain import leaf_hash
from meridian.audit.ended import End
from meridian.audit.line import OPENS, read_line
from meridian.audit.segments import (
    LINE_BYTES_MAX,
    SUFFIX,
    DamagedSegmentError,
    compressed_path,
    first_line,
    is_compressed,
    lines_of,
    plain_name,
)

TAIL_BYTES: Final = 1 << 20
NUMBER_DIGITS: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """The first record of a segment, as far as it tells where the segment belongs."""

    path: Path
    stream: str
    sequence: int
    record: dict[str, Any]

    @property
    def is_opening(self) -> bool:
        return self.record.get("eventName") == OPENS and self.sequence == 0

    @property
    def previous_stream(self) -> str:
        """The stream that this one says it follows on; empty where nothing is said. Only a StreamOpen says it, and it was checked."""
        said = self.record["meridian"].get("previousStream") if self.record.get("eventName") == OPENS else None
        return said if isinstance(said, str) else ""

    @property
    def missing_stream(self) -> str:
        """The stream that was known to come in between, and whose files were not there; empty where all were."""
        said = self.record["meridian"].get("missing") if self.record.get("eventName") == OPENS else None
        return str(said["stream"]) if isinstance(said, dict) else ""


@dataclass(frozen=True, slots=True)
class Tail:
    """Where an earlier stream ends."""

    stream: str
    last_hash: str
    end: End | None
    """Its last record; nothing where its last line is none."""
    torn_bytes: int


@dataclass(frozen=True, slots=True)
class Left:
    """What earlier processes have left in a directory."""

    tail: Tail | None
    """Where the newest stream ends; None without one."""
    heads: tuple[Head, ...]
    """The first of each stream."""


def segment_name(stamp: str, stream: str, number: int) -> str:
    """The name of a stream's segment; sorted names are in order within a stream. The first has number 1."""
    return f"{stamp}-{stream}-{number:0{NUMBER_DIGITS}d}{SUFFIX}"


def digest_name(stamp: str, stream: str, number: int) -> str:
    """The name of a stream's digest. The first has number 0."""
    return f"{stamp}-{stream}-{number:0{NUMBER_DIGITS}d}{digests.SUFFIX}"


def segments_in(directory: Path) -> list[Path]:
    """The segments in a directory, sorted by name."""
    return segments.segments_in(directory, "*")


def digests_in(directory: Path) -> list[Path]:
    """The digest files in a directory, sorted by name."""
    return sorted(p for p in directory.glob(f"*{digests.SUFFIX}") if p.is_file())


def head_of(path: Path) -> Head | None:
    """What the first line of a segment says; None if it is no audit record, or cannot be decompressed. Raises: OSError."""
    try:
        return readable_head_of(path)
    except DamagedSegmentError:
        return None


def readable_head_of(path: Path) -> Head | None:
    """What the first line of a segment says; None if it is no audit record. Raises: OSError, DamagedSegmentError."""
    line = first_line(path)
    said = read_line(line) if line.endswith(b"\n") else None
    return Head(path, said.stream, said.sequence, said.record) if said is not None else None


def streams_of(heads: Iterable[Head]) -> dict[str, list[Head]]:
    """The segments of each stream, in their order within it."""
    found: dict[str, list[Head]] = {}
    for head in sorted(heads, key=lambda each: each.sequence):
        found.setdefault(head.stream, []).append(head)
    return found


def newest_stream(streams: dict[str, list[Head]]) -> list[Head]:
    """The segments of the stream that no other says it follows on; empty without streams. The name decides only between several."""
    before = {name for segments in streams.values() for name in (segments[0].previous_stream, segments[0].missing_stream)}
    ends = [segments for stream, segments in streams.items() if stream not in before] or list(streams.values())
    return max(ends, key=lambda segments: segments[0].path.name, default=[])


def cut_torn_tail(directory: Path) -> Left:
    """Where the newest stream ends, after cutting off a last line that was not written whole.

    A segment in which nothing whole was ever written is removed: nobody was answered under it. The first one of a stream that a
    digest speaks of stays. Of each stream only the first and the last segment are looked at.
    """
    _remove_unfinished(directory)
    signed, runs, heads, torn = {stem_of(path) for path in digests_in(directory)}, _runs(directory), {}, 0
    for stem, paths in runs.items():
        if head_of(paths[-1]) is None and _holds_no_line(paths[-1]):
            torn += _cut_to_last_line(paths[-1])
            if stem not in signed or len(paths) > 1:
                paths.pop().unlink()
        head = head_of(paths[0]) if paths else None
        if head is not None:
            heads[head] = paths[-1]
    newest = newest_stream(streams_of(heads))
    if not newest:
        return Left(None, ())
    last = heads[newest[0]]
    torn += _cut_to_last_line(last)
    stream, line = newest[0].stream, _tail_line(last)
    return Left(Tail(stream, leaf_hash(line), end_in(line, stream), torn), tuple(heads))


def _remove_unfinished(directory: Path) -> None:
    """What a process was writing or compressing when it died: the plain files are whole."""
    for path in directory.glob(".*.partial"):
        path.unlink()
    for path in directory.glob(f"*{SUFFIX}"):
        compressed_path(path).unlink(missing_ok=True)


def _runs(directory: Path) -> dict[str, list[Path]]:
    """The segments that belong together by their names, in their order. A link is none: no Region makes one."""
    found: dict[str, list[Path]] = {}
    for path in segments_in(directory):
        if path.is_symlink():
            continue
        found.setdefault(stem_of(path), []).append(path)
    return found


def stem_of(path: Path) -> str:
    """What the names of a stream's files have in common."""
    return plain_name(path).rsplit(".", 1)[0].rsplit("-", 1)[0]


def stream_named(stem: str) -> str:
    """The stream that such a name speaks of."""
    return stem.split("-", 1)[-1]


def number_of(path: Path) -> int:
    """The number of a segment or digest, by its name; -1 for a name of another form."""
    number = plain_name(path).rsplit(".", 1)[0].rsplit("-", 1)[-1]
    return int(number) if len(number) == NUMBER_DIGITS and number.isdecimal() else -1


def is_followed(path: Path) -> bool:
    """Whether the next segment of the same stream lies there, by its name, whatever is in it."""
    following = path.with_name(f"{stem_of(path)}-{number_of(path) + 1:0{NUMBER_DIGITS}d}{SUFFIX}")
    return following.exists() or compressed_path(following).exists()


def _holds_no_line(path: Path) -> bool:
    if is_compressed(path):
        return False
    with path.open("rb") as file:
        start = file.read(LINE_BYTES_MAX)
    return b"\n" not in start and len(start) < LINE_BYTES_MAX


def _cut_to_last_line(path: Path) -> int:
    """How many bytes behind the last newline were cut off; none in a file that was closed and compressed."""
    if is_compressed(path):
        return 0
    with os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC), "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - TAIL_BYTES)
        file.seek(start)
        tail = file.read()
        torn = len(tail) - (tail.rfind(b"\n") + 1)
        if torn:
            file.truncate(size - torn)
            os.fsync(file.fileno())
    return torn


def end_in(line: bytes, stream: str) -> End | None:
    """The record in this last line of a stream; None for what is none of it."""
    said = read_line(line)
    return End(stream, said.sequence, leaf_hash(line)) if said is not None and said.stream == stream else None


def _tail_line(path: Path) -> bytes:
    """The last line, without its newline. Raises: OSError."""
    if is_compressed(path):
        return _last_line(path).rstrip(b"\n")
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        return file.read().rstrip(b"\n").rsplit(b"\n", 1)[-1]


def runs_in(directory: Path) -> dict[str, list[Path]]:
    """By stream, as their names say it, the segments in their order."""
    return {stream_named(stem): paths for stem, paths in _runs(directory).items()}


def last_record(path: Path, stream: str) -> tuple[End, str]:
    """The last record of a segment of this stream, and its `eventTime`. Raises: OSError for a file that does not end with one."""
    line = _tail_line(path)
    end, said = end_in(line, stream), read_line(line)
    if end is None or said is None:
        raise OSError(errno.EBADMSG, f"{path.name} does not end with a record of stream {stream}")
    return end, said.record.get("eventTime") or ""


def _last_line(path: Path) -> bytes:
    """Of a compressed segment, which is read from its beginning; of a damaged one the last that can be read. Raises: OSError."""
    last = b""
    with contextlib.suppress(DamagedSegmentError):  # verification tells of it
        for line in lines_of(path):
            last = line
    return last
