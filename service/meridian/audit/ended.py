"""Where retention has ended a stream: what a digest signs of files before they are removed, so that nobody calls them missing.

Digests are never removed. Each says how the stream's tree and chain stand after it, so that verification can go on from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Ended:
    """The records of a stream up to this one are kept no longer."""

    stream: str
    lastSeq: int
    lastHash: str
    newest: str
    """The last `eventTime` among them."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a digest says beside CloudTrail's fields, so that the files it covers can go."""

    last_hash: str
    """Of the last record that it covers; empty in a digest of an earlier release."""
    peaks: tuple[str, ...]
    """The roots of the full subtrees over the records that it covers."""
    ended: tuple[Ended, ...]


OF_EARLIER_RELEASE: Final = Kept("", (), ())


def kept_as_json(kept: Kept) -> dict[str, object]:
    return {"lastHash": kept.last_hash, "peaks": list(kept.peaks), "ended": [asdict(each) for each in kept.ended]}


def read_kept(fields: Mapping[str, Any]) -> Kept:
    """From the fields of a digest. Raises: KeyError, TypeError."""
    said = fields.get("retention")
    if said is None:
        return OF_EARLIER_RELEASE
    return Kept(said["lastHash"], tuple(said["peaks"]), tuple(Ended(**each) for each in said["ended"]))


def furthest(found: Iterable[Ended]) -> dict[str, Ended]:
    """By stream, the last record that is ended."""
    by_stream: dict[str, Ended] = {}
    for each in found:
        if each.stream not in by_stream or by_stream[each.stream].lastSeq < each.lastSeq:
            by_stream[each.stream] = each
    return by_stream


def is_ended(ended: Mapping[str, Ended], stream: str, sequence: int) -> bool:
    """Whether this record is one that is kept no longer."""
    return stream in ended and sequence <= ended[stream].lastSeq
