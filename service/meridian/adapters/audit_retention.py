"""Which closed segments are kept no longer: whole streams of ended processes first, then the oldest of this one's.

A digest signs what is ended before its files go, so a file that is gone without that is still missing. What is being written, waits to
be compressed, or is not yet where the settings ship it to, stays; so does what is newer than that, and the segment that was closed last:
the next start finds there what it follows on. How old records are is what they and signed digests say, by a clock that agrees with the
database's and was not set since the digest before; the times of files decide nothing.

The writing thread looks at what is new since it looked before, and decides from the oldest on. Whatever takes longer with the number of
files is done aside: the files of ended streams are listed once, and the last record of one is read when its time has come. No fault of
all this fails a digest: it is told, and the files stay.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from meridian.adapters.audit_ended_streams import Candidate, EndedStreams, Own, size_of
from meridian.adapters.clock_system import SystemClock
from meridian.audit.ended import CLOCKS_APART_SECONDS, ENDED_PER_DIGEST, End, Ended
from meridian.audit.keys import AuditKey, AuditKeys, RegionNames
from meridian.audit.record import event_time
from meridian.audit.segments import compressed_path, plain_name
from meridian.audit.values import is_time
from meridian.ports.clock import STEP_SECONDS, Clock
from meridian.ports.store.audit_streams import RegisterView

OWN_MAX: Final = 100_000
"""Closed segments of this process that are kept in mind: a year of them."""
VIEW_SECONDS: Final = 60.0
"""How long what the database has said counts; it is asked every five seconds."""


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


NOTHING: Final = Due((), ())


class _Noted(NamedTuple):
    """What the database said, and when."""

    view: RegisterView
    at: float
    """By the monotonic clock."""
    ahead_seconds: float
    """Of its clock before this process's."""


class Retention:
    """Used by the writing thread alone, but for `ending` and `note`, and what it has done aside."""

    def __init__(self, own: Own, rules: KeepRules, clock: Clock, hands: Hands, holds: Holds) -> None:
        self._own_stream = own
        self._rules = rules
        self._clock = clock
        self._hands = hands
        self._holds = holds
        self._offset = self._first_offset = self._offset_now()
        self._noted: _Noted | None = None
        self._closed: deque[tuple[Path, Ended]] = deque(maxlen=OWN_MAX)
        """Segments of this process that were plain when they were looked at last."""
        self._own: deque[Candidate] = deque()
        self._streams = EndedStreams(own, lambda fault: self.on_fault(fault))
        self._size = 0
        """Of those."""
        self._others: list[Candidate] | None = None
        """Each stream of a process that has ended, whole; nothing until they were listed."""
        self._is_asked = False
        self.ending: Sequence[str] = ()
        """The streams of which the database's word is needed next."""
        self.on_fault: Callable[[OSError], None] = lambda fault: None
        """Told why something is kept that might have gone."""

    def note(self, view: RegisterView) -> None:
        """The database was asked just now. May be called from any thread."""
        self._noted = _Noted(view, self._clock.monotonic(), view.now.timestamp() - self._clock.now().timestamp())

    def note_closed(self, path: Path, ended: Ended) -> None:
        """This process has closed a segment; `ended` says where it ends."""
        if self._rules.seconds or self._rules.bytes:
            newest = ended.newest if is_time(ended.newest) else event_time(self._clock.now())
            self._closed.append((path, replace(ended, newest=newest)))

    def due(self) -> Due:
        """What ends now, oldest first. Nothing where that cannot be found out, which is told."""
        if not self._rules.seconds and not self._rules.bytes:
            return NOTHING
        try:
            return self._due()
        except Exception as fault:
            self.on_fault(OSError(errno.EIO, f"nothing is ended: {type(fault).__name__}"))
            return NOTHING

    def remove(self, due: Due) -> None:
        """A digest has signed it: let the files go."""
        if not due.paths:
            return
        self._hands.remove(due.paths)
        gone = set(due.paths)
        self._others = [each for each in self._others or () if not each.is_refused and each.paths[0] not in gone]
        while self._own and self._own[0].paths[0] in gone:
            self._size -= self._own.popleft().size

    # ------------------------------------------------------------ the decision

    def _due(self) -> Due:
        self._note_compressed()
        noted, now = self._noted, self._moment()
        if noted is None or now is None:
            return NOTHING
        if self._others is None:
            self._ask(partial(self._list, noted.view))
        if self._others is None:
            return NOTHING
        return self._end_oldest([each for each in self._others if not each.is_refused], noted.view, now)

    def _end_oldest(self, others: Sequence[Candidate], view: RegisterView, now: float) -> Due:
        too_much = sum(each.size for each in others) + self._size - self._rules.bytes if self._rules.bytes else 0
        latest = event_time_of(now)
        oldest = event_time_of(now - self._rules.seconds) if self._rules.seconds else ""
        ended, paths, waiting = dict[str, Ended](), list[Path](), tuple[Candidate, ...]()
        last = 0 if self._closed else 1
        for each in chain(others, islice(self._own, max(0, len(self._own) - last))):
            if (each.signed_at >= oldest and too_much <= 0) or len(ended) >= ENDED_PER_DIGEST or self._is_held(each):
                break
            if each.ended is None:
                waiting = tuple(islice((other for other in others if other.ended is None), ENDED_PER_DIGEST))
                if any(other.signed.stream in view.heads for other in waiting):
                    self._ask(partial(self._read, waiting, view))
            if each.is_refused:
                too_much -= each.size
                continue
            if each.ended is None or each.ended.newest > latest:
                break
            ended[each.ended.stream] = each.ended
            paths += each.paths
            too_much -= each.size
        self.ending = tuple(each.signed.stream for each in waiting)
        return Due(tuple(ended.values()), tuple(paths))

    def _is_held(self, candidate: Candidate) -> bool:
        return self._holds(plain_name(candidate.paths[-1]))

    def _moment(self) -> float | None:
        """The time that ages are counted back from; None while the clock cannot be trusted with that.

        A clock that was set forward counts from where it would be otherwise, until the next start.
        """
        offset = self._offset_now()
        is_set = abs(offset - self._offset) > STEP_SECONDS
        self._offset = offset
        noted, at = self._noted, self._clock.monotonic()
        if is_set or noted is None or at - noted.at > VIEW_SECONDS or abs(noted.ahead_seconds) > CLOCKS_APART_SECONDS:
            return None
        return at + min(offset, self._first_offset)

    def _offset_now(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()

    def _note_compressed(self) -> None:
        """Of what was closed, take what is compressed by now: the plain file goes last."""
        while self._closed and not (plain := self._closed[0][0]).exists():
            path, (_, ended) = compressed_path(plain), self._closed.popleft()
            try:
                size = size_of(path)
            except OSError as fault:
                self.on_fault(OSError(fault.errno, f"{path.name} is kept: {fault.strerror}"))
                continue
            if len(self._own) >= OWN_MAX:
                self._size -= self._own.popleft().size
            self._size += size
            self._own.append(Candidate(End(ended.stream, ended.lastSeq, ended.lastHash), ended.newest, (path,), size, ended, False))

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

    def _list(self, view: RegisterView) -> None:
        keys = AuditKeys(self._own_stream.names, tuple(AuditKey(row.number, row.public_key, row.signature) for row in view.keys))
        self._others = self._streams.found(keys)

    def _read(self, others: Sequence[Candidate], view: RegisterView) -> None:
        for each in others:
            if each.signed.stream in view.heads:
                self._streams.read(each, view.heads[each.signed.stream])


def event_time_of(seconds: float) -> str:
    """As records write it."""
    return event_time(datetime.fromtimestamp(seconds, UTC))


class _NoHands:
    """For a log that nothing is removed from."""

    def remove(self, paths: Sequence[Path]) -> None:
        """Nothing is."""

    def aside(self, work: Callable[[], None]) -> None:
        """Nothing is."""


NO_RETENTION: Final = Retention(Own(Path(), "", RegionNames("", "", "")), KeepRules(0, 0), SystemClock(), _NoHands(), lambda segment: False)
