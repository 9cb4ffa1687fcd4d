"""One line of the log as a record, every field that verification uses of the type that the service writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson

from meridian.audit.values import JsonValue, is_count, is_text, is_time

OPENS: Final = "StreamOpen"
NAMES: Final = ("previousStream", "previousHash", "deployment", "partition", "region", "replica", "segment")
"""Texts in a StreamOpen, which a release may not have written."""
INTERVAL_SECONDS_MAX: Final = 1e9


class Line(NamedTuple):
    """A record, and where its stream says it belongs."""

    record: dict[str, Any]
    name: str
    stream: str
    sequence: int
    previous: str


def read_line(line: bytes) -> Line | None:
    """None for what is no audit record, whatever it is."""
    try:
        record: JsonValue = orjson.loads(line)
    except ValueError:
        return None
    inner = record.get("meridian") if isinstance(record, dict) else None
    if not isinstance(record, dict) or not isinstance(inner, dict):
        return None
    name, stream, sequence, previous = record.get("eventName"), inner.get("stream"), inner.get("seq"), inner.get("prevHash")
    if not (is_text(name) and is_text(stream) and is_count(sequence) and is_text(previous)):
        return None
    if not _is_told_rightly(record) or (name == OPENS and not _is_opening(inner)):
        return None
    return Line(record, name, stream, sequence, previous)


def _is_told_rightly(record: Mapping[str, JsonValue]) -> bool:
    when, event_id, resources = record.get("eventTime"), record.get("eventID"), record.get("resources")
    if not (when is None or is_time(when)) or not (event_id is None or is_text(event_id)):
        return False
    if resources is None:
        return True
    return isinstance(resources, list) and all(isinstance(each, dict) and is_text(each.get("ARN")) for each in resources)


def _is_opening(inner: Mapping[str, JsonValue]) -> bool:
    seconds, registered, missing = inner.get("digestSeconds", 0), inner.get("registered"), inner.get("missing")
    if not all(inner.get(name) is None or is_text(inner[name]) for name in NAMES) or not is_count(inner.get("epoch", 0)):
        return False
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= INTERVAL_SECONDS_MAX:
        return False
    return all(said is None or _is_head(said) for said in (registered, missing))


def _is_head(said: JsonValue) -> bool:
    """A head: the sequence is -1 before the first record."""
    if not isinstance(said, dict):
        return False
    sequence = said.get("seq")
    return is_text(said.get("stream")) and is_text(said.get("hash")) and (is_count(sequence) or sequence == -1)
