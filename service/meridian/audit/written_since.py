"""What was written to an earlier stream behind its registered head: all that is ever read of history to ship an event again.

An event that is still stored in the database does not stand before that head, since both are noted in one transaction.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from meridian.audit.segments import LINE_BYTES_MAX, is_compressed, lines_of, segments_in
from meridian.audit.stream_files import head_of, number_of

BLOCK_BYTES: Final = 1 << 16
NO_RECORD: Final = (1 << 62, "")


def has_stream(directory: Path, stream: str) -> bool:
    """Whether a file of this stream lies there."""
    return bool(_segments(directory, stream))


def events_since(directory: Path, stream: str, after: int, event_ids: Collection[str]) -> set[str]:
    """Which of these event ids stand behind record `after` of a stream whose files lie there.

    Files are read from the end of the stream to that record. Only a compressed one, that was closed behind it, is read forwards.
    Raises: OSError, DamagedSegmentError.
    """
    missing, found = set(event_ids), set[str]()
    for path in _segments(directory, stream):
        for line in lines_of(path) if is_compressed(path) else lines_backwards(path):
            sequence, event_id = _read(line)
            if sequence > after and event_id in missing:
                missing.remove(event_id)
                found.add(event_id)
            if not missing or (sequence <= after and not is_compressed(path)):
                return found
        head = head_of(path)
        if head is not None and head.sequence <= after + 1:
            return found
    return found


def lines_backwards(path: Path) -> Iterator[bytes]:
    """Whole lines, the last first, a block at a time. Raises: OSError."""
    with path.open("rb") as file:
        at, rest = file.seek(0, os.SEEK_END), b""
        while at > 0:
            start = max(0, at - BLOCK_BYTES)
            file.seek(start)
            *lines, last = (file.read(at - start) + rest).split(b"\n")
            if len(lines) == 0 and len(last) > LINE_BYTES_MAX:
                return  # no record is as long
            yield from reversed([*lines[1:], last] if lines else [])
            rest, at = (lines[0] if lines else last), start
        yield rest


def _segments(directory: Path, stream: str) -> list[Path]:
    """The files of a stream, the last first."""
    return sorted(segments_in(directory, f"*-{glob.escape(stream)}-*"), key=number_of, reverse=True)


def _read(line: bytes) -> tuple[int, str]:
    """The number and the event id of a record; of anything else, what no record has."""
    try:
        record: Any = orjson.loads(line)
        return int(record["meridian"]["seq"]), str(record.get("eventID", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return NO_RECORD
