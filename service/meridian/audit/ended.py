"""Where retention has ended a stream: what a digest signs of files before they are removed, so that nobody calls them missing.

Digests are never removed. Each says how the stream's tree and chain stand after it, so that verification can go on from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from meridian.audit.values import count_of, hash_of, is_hash, text_of, time_of

ENDED_PER_DIGEST: Final = 16
"""How many streams one digest ends at most; the next ones end the others."""
PEAKS_MAX: Final = 64
CLOCKS_APART_SECONDS: Final = 60.0
"""How far a process's clock may be from the database's."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The records of a stream up to this one are kept no longer."""

    stream: str
    lastSeq: int
    lastHash: str
    newest: str
    """The last `eventTime` among them."""


@dataclass(frozen=True, slots=True)
class End:
    """The last record of a stream."""

    stream: str
    lastSeq: int
    lastHash: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What a digest says beside CloudTrail's fields, so that the files it covers can go."""

    last_hash: str
    """Of the last record that it covers; empty in a digest of an earlier release."""
    peaks: tuple[str, ...]
    """The roots of the full subtrees over the records that it covers."""
    ended: tuple[Ended, ...]
    before: End | None
    """In the first digest of a stream, where the stream that it follows on ended: of one that was killed its own digests do not say so."""
    missing: End | None
    """In the first digest of a stream, the last record that was known to come after the files that lay there; nothing where all did."""


OF_EARLIER_RELEASE: Final = Kept("", (), (), None, None)


def kept_as_json(kept: Kept) -> dict[str, object]:
    return {
        "lastHash": kept.last_hash,
        "peaks": list(kept.peaks),
        "ended": [asdict(each) for each in kept.ended],
        "before": asdict(kept.before) if kept.before is not None else None,
        "missing": asdict(kept.missing) if kept.missing is not None else None,
    }


def read_kept(fields: Mapping[str, Any]) -> Kept:
    """From the fields of a digest. Raises: KeyError, TypeError, AttributeError."""
    said = fields.get("retention")
    if said is None:
        return OF_EARLIER_RELEASE
    peaks, ended = said["peaks"], said["ended"]
    if not isinstance(peaks, list) or len(peaks) > PEAKS_MAX or not all(is_hash(each) for each in peaks):
        raise TypeError("peaks are no hashes")
    if not isinstance(ended, list) or len(ended) > ENDED_PER_DIGEST:
        raise TypeError("ended is no list")
    before, missing = (_end(end) if (end := said.get(name)) is not None else None for name in ("before", "missing"))
    return Kept(hash_of(said, "lastHash"), tuple(peaks), tuple(_ended(each) for each in ended), before, missing)


def _ended(said: Any) -> Ended:
    return Ended(text_of(said, "stream"), count_of(said, "lastSeq"), hash_of(said, "lastHash"), time_of(said, "newest"))


def _end(said: Any) -> End:
    return End(text_of(said, "stream"), count_of(said, "lastSeq"), hash_of(said, "lastHash"))


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
