"""Which closed segments are kept no longer: whole streams of ended processes first, then the oldest of this one's.

A digest signs what is ended before its files go, so a file that is gone without that is still missing. What is being written, waits to
be compressed, or is not yet where the settings ship it to, stays; so does what is newer than that.

The writing thread looks at what is new since it looked before, and decides from the oldest on. Whatever takes longer with the number of
files is done aside: the files of ended streams are listed once, and the last record of one is read when its time has come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Final, Protocol

from meridian.adapters.clock_system import SystemClock
from meridian.audit.ended import Ended
from meridian.audit.segments import compressed_path, plain_name
from meridian.audit.stream_files import last_record, runs_in
from meridian.ports.clock import Clock

ENDED_PER_DIGEST: Final = 16
"""How many streams one digest ends at most; the next ones end the others."""
OWN_MAX: Final = 100_000
"""Closed segments of this process that are kept in mind: a year of them."""

Holds = Callable[[str], bool]
"""Whether somebody still needs this segment, told by its plain name."""


class Hands(Protocol):
    """Who removes files, and does what takes long; `ClosedSegments` is one."""

    def remove(self, paths: Sequence[Path]) -> None:
        """These are kept no longer, the oldest first."""
        ...

    def aside(self, work: Callable[[], None]) -> None:
        """Do this where nobody waits for it."""
        ...


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


@dataclass(slots=True)
class _Candidate:
    """Files that go together."""

    paths: Sequence[Path]
    size: int
    written_at: float
    ended: Ended | None
    """Where they end; nothing until it was read."""


class Retention:
    """Used by the writing thread alone, but for what it has done aside."""

    def __init__(self, directory: Path, stream: str, rules: KeepRules, clock: Clock, hands: Hands, holds: Holds) -> None:
        self._directory = directory
        self._stream = stream
        self._rules = rules
        self._clock = clock
        self._hands = hands
        self._holds = holds
        self._closed: deque[tuple[Path, Ended]] = deque(maxlen=OWN_MAX)
        """Segments of this process that were plain when they were looked at last."""
        self._own: deque[_Candidate] = deque()
        self._others: deque[_Candidate] | None = None
        """Each stream of a process that has ended, whole; nothing until they were listed."""
        self._size = 0
        """Of all candidates, the others once they are listed."""
        self._is_asked = False

    def note_closed(self, path: Path, ended: Ended) -> None:
        """This process has closed a segment; `ended` says where it ends."""
        if self._rules.seconds or self._rules.bytes:
            self._closed.append((path, ended))

    def due(self) -> Due:
        """What ends now, oldest first. Raises: OSError."""
        if not self._rules.seconds and not self._rules.bytes:
            return Due((), ())
        self._note_compressed()
        if self._others is None:
            self._ask(self._list_others)
        if self._others is None:
            return Due((), ())
        too_much = self._size + sum(each.size for each in self._others) - self._rules.bytes if self._rules.bytes else 0
        oldest = self._clock.now().timestamp() - self._rules.seconds if self._rules.seconds else 0.0
        ended, paths = dict[str, Ended](), list[Path]()
        for each in chain(self._others, self._own):
            if (each.written_at >= oldest and too_much <= 0) or len(ended) >= ENDED_PER_DIGEST or self._is_held(each):
                break
            if each.ended is None:
                self._ask(partial(_read_ends, tuple(islice(self._others, ENDED_PER_DIGEST))))
            if each.ended is None:
                break
            ended[each.ended.stream] = each.ended
            paths += each.paths
            too_much -= each.size
        return Due(tuple(ended.values()), tuple(paths))

    def remove(self, due: Due) -> None:
        """A digest has signed it: let the files go."""
        if not due.paths:
            return
        self._hands.remove(due.paths)
        gone = set(due.paths)
        while self._others and self._others[0].paths[0] in gone:
            self._others.popleft()
        while self._own and self._own[0].paths[0] in gone:
            self._size -= self._own.popleft().size

    def _is_held(self, candidate: _Candidate) -> bool:
        return self._holds(plain_name(candidate.paths[-1]))

    def _note_compressed(self) -> None:
        """Of what was closed, take what is compressed by now: the plain file goes last."""
        while self._closed and not (plain := self._closed[0][0]).exists():
            path, (_, ended) = compressed_path(plain), self._closed.popleft()
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # somebody has taken it away
            if len(self._own) >= OWN_MAX:
                self._size -= self._own.popleft().size
            self._own.append(_Candidate((path,), status.st_size, status.st_mtime, ended))
            self._size += status.st_size

    # ------------------------------------------------------------ aside

    def _ask(self, work: Callable[[], None]) -> None:
        if not self._is_asked:
            self._is_asked = True
            self._hands.aside(partial(self._answer, work))

    def _answer(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            self._is_asked = False

    def _list_others(self) -> None:
        found = []
        for stream, paths in runs_in(self._directory).items():
            if stream == self._stream or not paths:
                continue
            status = [path.stat() for path in paths]
            found.append(_Candidate(paths, sum(each.st_size for each in status), status[-1].st_mtime, None))
        self._others = deque(sorted(found, key=lambda each: each.written_at))


def _read_ends(streams: Sequence[_Candidate]) -> None:
    for each in streams:
        if each.ended is None:
            each.ended = _end_of(each.paths[-1])


def _end_of(last: Path) -> Ended:
    record, last_hash = last_record(last)
    inner = record["meridian"]
    return Ended(inner["stream"], inner["seq"], last_hash, str(record.get("eventTime", "")))


class _NoHands:
    """For a log that nothing is removed from."""

    def remove(self, paths: Sequence[Path]) -> None:
        """Nothing is."""

    def aside(self, work: Callable[[], None]) -> None:
        """Nothing is."""


NO_RETENTION: Final = Retention(Path(), "", KeepRules(0, 0), SystemClock(), _NoHands(), lambda segment: False)
