"""What audit directories that are verified together say of each other's streams.

A process whose `audit.directory` was changed goes on in another directory: its next stream says there which one the database knew before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from meridian.audit.check_stream import Pin
from meridian.audit.findings import Report, Verdict
from meridian.audit.stream_files import Head, head_of, segments_in


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What the other directories speak of."""

    streams: frozenset[str] = frozenset()
    pins: Mapping[str, Sequence[Pin]] = field(default_factory=dict)
    """Records that the database knew, by the StreamOpens there."""


ALONE = Neighbours()


@dataclass(frozen=True, slots=True)
class Registered:
    """The end of the log as the database, or a digest, knew it when a stream was opened."""

    stream: str
    pin: Pin


def registered_in(opening: Head) -> Registered | None:
    """What a StreamOpen says the database knew; None where it knew no record of any."""
    return _said_in(opening, "registered", f"the database, by the StreamOpen of {opening.path.name},")


def missing_in(opening: Head) -> Registered | None:
    """What a StreamOpen says was known, and not there, when its stream began; None where everything was."""
    return _said_in(opening, "missing", f"the StreamOpen of {opening.path.name}")


def _said_in(opening: Head, name: str, who: str) -> Registered | None:
    said = opening.record["meridian"].get(name) if opening.is_opening else None
    if not isinstance(said, dict):
        return None
    stream, sequence = str(said.get("stream")), said.get("seq")
    if not isinstance(sequence, int) or sequence < 0:
        return None  # of a stream that was registered by a start that failed before it wrote anything, for one
    return Registered(stream, Pin(sequence, str(said.get("hash")), who))


def neighbours_of(directories: Sequence[Path]) -> list[Neighbours]:
    """For each directory, what all the others say. What cannot be read says nothing here; verifying its directory tells."""
    heads = [_heads_in(directory) for directory in directories]
    others = ([head for at, there in enumerate(heads) if at != own for head in there] for own in range(len(heads)))
    return [_told_by(each) for each in others] if len(heads) > 1 else [ALONE for _ in heads]


def check_ends(reports: Sequence[Report]) -> None:
    """A stream that follows on one in another directory begins where that one ended."""
    known = {stream.stream: (report, stream) for report in reports for stream in report.streams}
    for report in reports:
        own = {stream.stream for stream in report.streams}
        for stream in report.streams:
            if stream.previous_stream in own or stream.previous_stream not in known:
                continue
            where, before = known[stream.previous_stream]
            if stream.missing_stream not in known and before.finding is None and before.last_hash != stream.opening.get("previousHash"):
                text = "the stream ends earlier, or otherwise, than the next stream says"
                where.add(Verdict.TAMPERED, before.paths[-1], text, before.records + 1)


def _told_by(heads: Sequence[Head]) -> Neighbours:
    told = Neighbours(frozenset(head.stream for head in heads))
    pins: dict[str, list[Pin]] = {}
    for head in heads:
        for said in (registered_in(head), missing_in(head)):
            if said is not None:
                pins.setdefault(said.stream, []).append(said.pin)
    return replace(told, pins=pins)


def _heads_in(directory: Path) -> list[Head]:
    found = []
    for path in segments_in(directory):
        try:
            head = head_of(path)
        except OSError:
            continue
        if head is not None:
            found.append(head)
    return found
