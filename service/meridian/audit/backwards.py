"""Segments of a directory from the newest to the oldest, and their lines from the last to the first, a block at a time.

Segments are found by their names: the one before has the number before, or is the last of the stream that began before. Neither memory
nor, within a stream, the work of finding one depends on how many there are.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from meridian.audit.segments import CHUNK_BYTES, compressed_path, open_segment
from meridian.audit.stream_files import NUMBER_DIGITS, head_of, number_of, segment_name, stem_of, stream_named

STAMP: Final = "%Y%m%dT%H%M%S.%fZ"
"""How the names of a stream's files begin."""
NAME: Final = re.compile(rf"(\d{{8}}T\d{{6}}\.\d{{6}}Z-.+-\d{{{NUMBER_DIGITS}}}\.jsonl)(?:\.zst)?")


class PlacedLine(NamedTuple):
    """A line without its newline, and where in its segment it begins."""

    line: bytes
    start: int


def is_segment_name(name: str) -> bool:
    """Whether it is the name of a plain segment."""
    found = NAME.fullmatch(name)
    return found is not None and found[1] == name


def newest_segment(directory: Path, *, below: str) -> str:
    """The plain name of the segment that comes last of those whose names sort before `below`, of all where that is empty; empty where
    there is none. Every name of the directory is looked at, and one is kept. Raises: OSError."""
    last = ""
    with os.scandir(directory) as entries:
        for entry in entries:
            found = NAME.fullmatch(entry.name)
            if found is not None and last < found[1] and (not below or found[1] < below):
                last = found[1]
    return last


def segment_before(directory: Path, name: str) -> str:
    """The plain name of the segment before this one, in its stream or in one that began before; empty where there is none.

    Raises: OSError.
    """
    number = number_of(Path(name))
    if number > 1:
        before = _numbered(name, number - 1)
        if _lies(directory / before):
            return before
    return newest_segment(directory, below=name)


def segment_at(directory: Path, moment: datetime) -> str:
    """The plain name of the last segment that began by then; empty where none did. Within a stream a dozen are looked into, however many
    there are. Raises: OSError."""
    last = newest_segment(directory, below=f"{moment.astimezone(UTC):{STAMP}}~")
    if not last or _began_by(directory, last, moment):
        return last
    # The first began with its stream, and the last not by then.
    later = bisect_left(range(1, number_of(Path(last))), True, key=lambda each: not _began_by(directory, _numbered(last, each), moment))
    return _numbered(last, max(1, later))


def lines_before(path: Path, end: int, block_bytes: int) -> Iterator[PlacedLine]:
    """The whole lines of a segment's first `end` bytes, the last first, a block in memory at a time. What stands behind the last newline
    is none; one longer than a block, which no record is, comes in pieces. Raises: OSError, DamagedSegmentError."""
    while end > 0:
        start = max(0, end - block_bytes)
        block = _bytes_of(path, start, end)
        end = start + len(block)
        first = 0 if start == 0 else block.find(b"\n", 0, -1) + 1
        if first == 0 < start:
            yield PlacedLine(block, start)
            end = start
            continue
        yield from _reversed_lines(block, first, start)
        end = start + first


def _reversed_lines(block: bytes, first: int, start: int) -> Iterator[PlacedLine]:
    at = block.rfind(b"\n")
    while at >= first:
        begin = block.rfind(b"\n", first, at) + 1 or first
        yield PlacedLine(block[begin:at], start + begin)
        at = begin - 1


def _bytes_of(path: Path, start: int, end: int) -> bytes:
    """Raises: OSError, DamagedSegmentError."""
    with open_segment(path) as file:
        if file.seekable():
            file.seek(start)
        else:
            at = 0
            while at < start and (skipped := file.read(min(CHUNK_BYTES, start - at))):
                at += len(skipped)
        return file.read(end - start)


def _numbered(name: str, number: int) -> str:
    stamp, stem = name.split("-", 1)[0], stem_of(Path(name))
    return segment_name(stamp, stream_named(stem), number)


def _lies(path: Path) -> bool:
    return path.exists() or compressed_path(path).exists()


def _began_by(directory: Path, name: str, moment: datetime) -> bool:
    """Whether its first record was made by then. One that lies there no more is older than all that do; of one that cannot be read
    nothing is known, and looking on leads to an older one."""
    with suppress(OSError, ValueError, TypeError):
        head = head_of(directory / name)
        return head is not None and datetime.fromisoformat(head.record["eventTime"]) <= moment
    return not _lies(directory / name)
