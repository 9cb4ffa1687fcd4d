"""One log, walked backwards from record to record that is wanted, within what a look may read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import orjson

from meridian.adapters.audit_batch import Place
from meridian.audit.backwards import PlacedLine, lines_before, newest_segment, segment_at, segment_before
from meridian.audit.line import read_line
from meridian.audit.record import event_time
from meridian.audit.record_bounds import RECORD_BYTES_MAX
from meridian.audit.segments import DamagedSegmentError, plain_size
from meridian.ports.audit_history import Record, Wanted

BLOCK_BYTES: Final = 256 << 10
"""What is read at once of a plain file."""
COMPRESSED_BLOCK_BYTES: Final = 2 << 20
"""What is decompressed at once of all logs together: each block is reached from the beginning of its file."""
DISORDER: Final = timedelta(minutes=5)
"""How much later than its `eventTime` a record may stand in its log: that is the time at which its call came."""
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""No record is made beyond; nearer to the ends of what a time can be, sums are none, and texts do not sort."""


class Allowance:
    """What a look may still read, for all its logs together.

    Records are counted, long or short: the record of a denied call is longer where the key of another account is there, and how far a look
    has come would say so.
    """

    def __init__(self, records: int, files: int, logs: int) -> None:
        """`files`: that are gone on to, however little is in them. `logs`: that are looked through."""
        self._records, self._files = records, files
        self.compressed_block_bytes = max(BLOCK_BYTES, COMPRESSED_BLOCK_BYTES // max(1, logs))
        self.unreadable = 0

    @property
    def is_spent(self) -> bool:
        return self._records <= 0 or self._files <= 0

    def take(self, line: bytes) -> None:
        self._records -= max(1, len(line) // RECORD_BYTES_MAX)  # what is longer than a record is none, and read all the same

    def take_file(self) -> None:
        self._files -= 1


@dataclass(frozen=True, slots=True)
class Period:
    """Texts as records have them, which sort as times do. Empty: without that end."""

    since: str
    until: str
    given_up: str
    """Where a record is older than that, none behind it is new enough."""
    from_moment: datetime | None
    """No record is wanted of a file that began later."""

    @classmethod
    def of(cls, since: datetime | None, until: datetime | None) -> Period:
        since, until = _within_reach(since), _within_reach(until)
        return cls(
            since=event_time(since) if since is not None else "",
            until=event_time(until) if until is not None else "",
            given_up=event_time(since - DISORDER) if since is not None else "",
            from_moment=until.astimezone(UTC) + DISORDER if until is not None else None,
        )

    def holds(self, time: str) -> bool:
        return self.since <= time and (not self.until or time <= self.until)


def _within_reach(moment: datetime | None) -> datetime | None:
    return None if moment is None else min(max(moment, EARLIEST), LATEST)


class LogBackwards:
    """Used in one thread. `durable` is where the log ends that this process writes."""

    def __init__(self, directory: Path, durable: Callable[[], Place] | None, wanted: Wanted, period: Period, allowance: Allowance) -> None:
        self._directory = directory
        self._durable = durable() if durable is not None else Place("", 0)
        self._wanted = wanted
        self._period = period
        self._allowance = allowance
        self._lines: Iterator[PlacedLine] | None = None
        self._gone_through = 0
        """As `end`, once `next` was taken."""
        self.segment = ""
        """Where it stands, and with `end` where another look would go on; empty where nothing older is left."""
        self.end: int | None = None
        self.next: Record | None = None
        """The next record that is wanted, which another look would begin with."""
        self.next_time = ""
        self.next_bytes = 0

    @property
    def is_interrupted(self) -> bool:
        """Whether it is not known what comes next: the look has read what it may."""
        return self.next is None and bool(self.segment)

    def begin(self, segment: str, end: int | None) -> None:
        """Stand there; without a segment at the newest record of the period."""
        self.segment, self.end = segment, end
        if segment:
            return
        try:
            moment = self._period.from_moment
            self.segment = segment_at(self._directory, moment) if moment is not None else self._newest()
        except OSError:
            self._allowance.unreadable += 1

    def find_next(self) -> None:
        """Go on to the next record that is wanted, as far as the look may read."""
        if self.next is not None:
            self.end, self.next = self._gone_through, None
        while self.segment and self.next is None and not self._allowance.is_spent:
            try:
                self._read_on()
            except FileNotFoundError:
                self._go_back()  # it is kept no longer
            except (OSError, DamagedSegmentError):
                self._allowance.unreadable += 1
                self._go_back()

    def _read_on(self) -> None:
        """To the next record that is wanted, or to the segment before. Raises: OSError, DamagedSegmentError."""
        if self._lines is None:
            self._lines = self._open()
        placed = None
        for placed in self._lines:
            self.end = placed.start
            self._allowance.take(placed.line)
            if self._wanted.mentions in placed.line:
                self._look_at(placed)
            if self.next is not None or not self.segment or self._allowance.is_spent:
                return
        if placed is not None and self._is_too_old(placed.line):
            self.segment = ""
        else:
            self._go_back()

    def _look_at(self, placed: PlacedLine) -> None:
        """Keep the record in mind if it is wanted; it may also say that none behind it is."""
        said = read_line(placed.line)
        time = None if said is None else said.record.get("eventTime")
        if said is None or time is None:
            return
        if time < self._period.given_up:
            self.segment = ""
        elif self._period.holds(time) and self._wanted.fits(said.record):
            show = self._wanted.shown
            self.next, self.next_time = show(said.record) if show is not None else said.record, time
            self.next_bytes = len(orjson.dumps(self.next))
            self._gone_through, self.end = placed.start, placed.start + len(placed.line) + 1

    def _is_too_old(self, line: bytes) -> bool:
        """Whether this first record of a segment says that the segments before have none that is new enough."""
        said = read_line(line) if self._period.given_up else None
        return said is not None and (said.record.get("eventTime") or "~") < self._period.given_up

    def _open(self) -> Iterator[PlacedLine]:
        """Raises: OSError, DamagedSegmentError."""
        path, durable = self._directory / self.segment, self._durable
        if self.segment == durable.segment:
            self.end = min(durable.length, durable.length if self.end is None else self.end)
        elif self.end is None:
            self.end = plain_size(path)
        return lines_before(path, self.end, BLOCK_BYTES if path.exists() else self._allowance.compressed_block_bytes)

    def _go_back(self) -> None:
        self._lines, self.end = None, None
        self._allowance.take_file()
        try:
            self.segment = segment_before(self._directory, self.segment)
        except OSError:
            self._allowance.unreadable += 1
            self.segment = ""

    def _newest(self) -> str:
        """Raises: OSError."""
        return self._durable.segment or newest_segment(self._directory, below="")
