"""The streams of a directory in the order in which they were written, whatever the clock said when they began."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meridian.audit.segments import plain_name
from meridian.audit.stream_files import digests_in, head_of, newest_stream, segments_in, stem_of, stream_named, streams_of

ENDED: Final = "00000000T000000Z-ended"
"""In place of the beginning of a running stream's names, where none runs: every stream of the directory has ended."""


@dataclass(frozen=True, slots=True)
class Run:
    """The files of one stream: names as they were before compression, in their order."""

    stem: str
    segments: tuple[str, ...]
    digests: tuple[str, ...]


def runs_before(directory: Path, own: str, since: str) -> list[Run]:
    """The streams that ended before the one whose names begin with `own`, from the one of `since` on; all where that is not there.

    A stream says itself which one came before it. Those that none leads to come first, by their names. Raises: OSError.
    """
    segments, digests = _by_stem(segments_in(directory)), _by_stem(digests_in(directory))
    runs = {stream_named(stem): Run(stem, segments.get(stem, ()), digests.get(stem, ())) for stem in sorted({*segments, *digests})}
    found: list[Run] = []
    at = _newest(directory, runs) if own == ENDED else runs.pop(stream_named(own), None)
    found += [at] if own == ENDED and at is not None else []
    while at is not None and at.stem != since:
        at = _run_before(directory, at, runs)
        found += [at] if at is not None else []
    found.reverse()
    return found if at is not None else [*runs.values(), *found]


def _newest(directory: Path, runs: dict[str, Run]) -> Run | None:
    """Take the stream that no other follows on out of `runs`."""
    heads = [head for run in runs.values() if run.segments and (head := head_of(directory / run.segments[0])) is not None]
    newest = newest_stream(streams_of(heads))
    return runs.pop(newest[0].stream, None) if newest else None


def _by_stem(paths: Iterable[Path]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for path in paths:
        found.setdefault(stem_of(path), []).append(plain_name(path))
    return {stem: tuple(names) for stem, names in found.items()}


def _run_before(directory: Path, run: Run, runs: dict[str, Run]) -> Run | None:
    """Take the stream before out of `runs`: the one that was missing when this began, where it is back."""
    head = head_of(directory / run.segments[0]) if run.segments else None
    if head is None:
        return None
    is_back = head.missing_stream in runs and bool(runs[head.missing_stream].segments)
    return runs.pop(head.missing_stream if is_back else head.previous_stream, None)
