"""What an audit directory tells of that its Region's database does not know: the changes that are lost with an older database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from meridian.audit.segments import lines_of
from meridian.audit.stream_files import Head, readable_head_of, segments_in, streams_of


@dataclass(frozen=True, slots=True)
class Beyond:
    """Changes after the last record that the database has seen."""

    changes: int
    newest: str
    """`eventTime` of the latest; empty without any."""


def changes_beyond(directory: Path, heads: Mapping[str, int]) -> Beyond:
    """Count what was changed after these heads, each the sequence of the last record that the database has seen of a stream.

    All of a stream that the database does not know counts. A line that is no record does not: verification tells of it.

    Raises: OSError, DamagedSegmentError.
    """
    changes, newest = 0, ""
    found = [head for path in segments_in(directory) if (head := readable_head_of(path)) is not None]
    for stream, segments in streams_of(found).items():
        for record in _records_after(segments, heads.get(stream, -1)):
            changes += 1
            newest = max(newest, str(record.get("eventTime", "")))
    return Beyond(changes, newest)


def _records_after(segments: list[Head], head: int) -> Iterator[Mapping[str, Any]]:
    for at, segment in enumerate(segments):
        if at + 1 < len(segments) and segments[at + 1].sequence <= head + 1:
            continue  # all of it is known
        yield from (record for line in lines_of(segment.path) if (record := _change_in(line, head)) is not None)


def _change_in(line: bytes, head: int) -> Mapping[str, Any] | None:
    """The record where it tells of a change of the database that a caller made, or that time brought to a key."""
    try:
        record = orjson.loads(line)
        is_beyond = record["meridian"]["seq"] > head
        told = not record["readOnly"] and "errorCode" not in record and (record["eventType"] == "AwsApiCall" or record["resources"])
        is_dry = (record.get("additionalEventData") or {}).get("dryRun", False)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return record if is_beyond and told and not is_dry else None
