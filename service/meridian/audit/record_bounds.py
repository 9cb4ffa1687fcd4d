"""A record is at most 16 KiB, whatever a request holds: the largest parts of a longer one are cut, each to a beginning and a digest.

Encryption contexts go last, so that decisions about them can be made again. A part that was cut is `{"cut": {…}}`, which no other part
looks like: `bytes` and `sha256` are those of the part as JSON, or of the text itself; `beginning` is there where it is short. What cannot
be shown at all is marked in the same way: `{"cut": {"unshown": …}}` names the fault.

Source: docs/spec/audit.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, Final

import orjson

from meridian.audit.foreign_parts import put_back, set_aside
from meridian.domain.encryption_context import CONTEXT_FIELDS

RECORD_BYTES_MAX: Final = 16 * 1024
STORED_BYTES_MAX: Final = RECORD_BYTES_MAX - 512
"""Of a record that is not chained yet: its place in a stream comes on top."""
CUT: Final = "cut"
UNSHOWN: Final = "unshown"
PART_BYTES_MIN: Final = 512
"""Smaller parts are not cut: their digests would be as long."""
FOREIGN_BYTES: Final = 6 * PART_BYTES_MIN
"""Of what a record says of keys of other accounts than its caller's: two decisions, facts of the keys, ids of grants, what it says of
deciding, and the two keys, each as long as what is not cut."""
BEGINNING_CHARACTERS: Final = 128
BEGINNING_BYTES_MAX: Final = 256
SHARE: Final = 4
"""A member that makes this part of a value is cut in the value's place."""
MEMBERS_MAX: Final = 64
"""Of more members none is looked for: they are cut together."""
SECTIONS: Final = ("requestParameters", "responseElements", "additionalEventData", "serviceEventDetails", "meridian")
CONTEXTS: Final = frozenset(CONTEXT_FIELDS.values())

Place = tuple[Any, Any]
"""What holds a part, and its name or number there."""


def shortened(line: bytes, bytes_max: int) -> bytes:
    """A record's line, and where it is longer than `bytes_max`, one that is not, with parts cut. Whether and what is cut depends on nothing
    that keys of other accounts than the caller's have added: for that there is room beside."""
    if len(line) <= bytes_max - FOREIGN_BYTES:
        return line
    record = orjson.loads(line)
    foreign = set_aside(record)
    room = FOREIGN_BYTES if foreign else 0
    _shorten(foreign, room)
    _shorten(record, bytes_max - room)
    put_back(record, foreign)
    return orjson.dumps(record)


def _shorten(record: dict[str, Any], bytes_max: int) -> None:
    over = _size(record) - bytes_max
    if over <= 0:
        return
    for size, (holder, name) in _parts(record):
        while over > 0 and size > PART_BYTES_MIN:
            inner, at = _inmost(holder, name, size)
            inner[at] = cut(inner[at])
            left = _size(holder[name])
            over, size = over - (size - left), left


def cut(value: Any) -> dict[str, Any]:
    """What is left of a part."""
    written = value.encode() if isinstance(value, str) else orjson.dumps(value)
    left: dict[str, Any] = {"bytes": len(written), "sha256": sha256(written).hexdigest()}
    beginning = value[:BEGINNING_CHARACTERS] if isinstance(value, str) else ""
    if beginning and _size(beginning) <= BEGINNING_BYTES_MAX:
        left["beginning"] = beginning
    return {CUT: left}


def shown(read: Callable[[], Any]) -> Any:
    """What `read` finds, or a mark in its place where that cannot be read or is no JSON. Raises: nothing."""
    try:
        value = read()
        orjson.dumps(value)
    except Exception as fault:
        return {CUT: {UNSHOWN: type(fault).__name__}}
    return value


def is_cut(value: Any) -> bool:
    """Whether a part of a record was cut. An encryption context has texts alone for values, and so never looks like it."""
    return isinstance(value, dict) and isinstance(value.get(CUT), dict)


def holds_cut(value: Any) -> bool:
    """Whether anything inside a part was cut."""
    if isinstance(value, dict):
        return is_cut(value) or any(map(holds_cut, value.values()))
    return isinstance(value, list) and any(map(holds_cut, value))


def _parts(record: dict[str, Any]) -> list[tuple[int, Place]]:
    """Every part that can be cut, in the order of cutting: the largest first, encryption contexts last."""
    holders = [record, *(inner for inner in map(record.get, SECTIONS) if isinstance(inner, dict))]
    places = [(holder, name) for holder in holders for name in holder if holder is not record or name not in SECTIONS]
    sized = [(_size(holder[name]), (holder, name)) for holder, name in places]
    return sorted(sized, key=lambda part: (part[1][1] in CONTEXTS, -part[0]))


def _inmost(holder: Any, name: Any, size: int) -> Place:
    """The place inside a part that is best cut: one member where it makes much of the part, else the part."""
    while not is_cut(holder[name]):
        value = holder[name]
        names = _names(value)
        members = [(_size(value[at]), at) for at in names if not is_cut(value[at])] if len(names) <= MEMBERS_MAX else []
        largest, at = max(members, key=lambda member: member[0], default=(0, None))
        if largest <= PART_BYTES_MIN or largest * SHARE < size:
            break
        holder, name, size = value, at, largest
    return holder, name


def _names(value: Any) -> Sequence[Any]:
    if isinstance(value, dict):
        return list(value)
    return range(len(value)) if isinstance(value, list) else ()


def _size(value: Any) -> int:
    return len(orjson.dumps(value))
