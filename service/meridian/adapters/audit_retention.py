"""Which closed segments are kept no longer: whole streams of ended processes first, then the oldest of this one's.

A digest signs what is ended before its files go, so a file that is gone without that is still missing. What is being written, or waits
to be compressed, stays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from meridian.adapters.clock_system import SystemClock
from meridian.audit.ended import ENDED_PER_DIGEST, Ended
from meridian.audit.segments import compressed_path
from meridian.audit.stream_files import last_record, runs_in
from meridian.ports.clock import Clock

OWN_MAX: Final = 100_000
"""Closed segments of this process that are kept in mind: a year of them."""


@dataclass(frozen=True, slots=True)
class KeepRules:
    """How long, and how much; 0 is without end."""

    seconds: float
    bytes: int


@dataclass(frozen=True, slots=True)
class Due:
    """What ends now."""

    ended: tuple[Ended, ...]
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    ended: Callable[[], Ended]
    paths: Sequence[Path]
    size: int
    written_at: float


class Retention:
    """Used by the writing thread alone."""

    def __init__(self, directory: Path, stream: str, rules: KeepRules, clock: Clock, remove: Callable[[Sequence[Path]], None]) -> None:
        self._directory = directory
        self._stream = stream
        self._rules = rules
        self._clock = clock
        self._remove = remove
        self._own: deque[tuple[Path, Ended]] = deque(maxlen=OWN_MAX)

    def note_closed(self, path: Path, ended: Ended) -> None:
        """This process has closed a segment; `ended` says where it ends."""
        if self._rules.seconds or self._rules.bytes:
            self._own.append((compressed_path(path), ended))

    def due(self) -> Due:
        """What ends now, oldest first. Raises: OSError."""
        if not self._rules.seconds and not self._rules.bytes:
            return Due((), ())
        candidates = [*self._others(), *self._ours()]
        too_much = sum(each.size for each in candidates) - self._rules.bytes if self._rules.bytes else 0
        oldest = self._clock.now().timestamp() - self._rules.seconds if self._rules.seconds else 0.0
        ended, paths = dict[str, Ended](), list[Path]()
        for each in candidates:
            if (each.written_at >= oldest and too_much <= 0) or len(ended) >= ENDED_PER_DIGEST:
                break
            end = each.ended()
            ended[end.stream] = end
            paths += each.paths
            too_much -= each.size
        return Due(tuple(ended.values()), tuple(paths))

    def remove(self, due: Due) -> None:
        """A digest has signed it: let the files go."""
        if due.paths:
            self._remove(due.paths)
            gone = set(due.paths)
            while self._own and self._own[0][0] in gone:
                self._own.popleft()

    def _others(self) -> list[_Candidate]:
        """Each stream of a process that has ended, whole."""
        found = []
        for stream, paths in runs_in(self._directory).items():
            if stream == self._stream or not paths:
                continue
            status = [path.stat() for path in paths]
            found.append(_Candidate(partial(_end_of, paths[-1]), paths, sum(each.st_size for each in status), status[-1].st_mtime))
        return sorted(found, key=lambda each: each.written_at)

    def _ours(self) -> list[_Candidate]:
        found = []
        for path, ended in self._own:
            if not path.is_file():
                break  # not compressed yet
            status = path.stat()
            found.append(_Candidate(partial(_same, ended), [path], status.st_size, status.st_mtime))
        return found


def _end_of(last: Path) -> Ended:
    record, last_hash = last_record(last)
    inner = record["meridian"]
    return Ended(inner["stream"], inner["seq"], last_hash, str(record.get("eventTime", "")))


def _same(ended: Ended) -> Ended:
    return ended


NO_RETENTION: Final = Retention(Path(), "", KeepRules(0, 0), SystemClock(), lambda paths: None)
