"""Reads the log on from a place, in the order in which it was written, for whoever copies its records.

The directory is listed once, when a reader is made. After that one file is open at a time, and none is touched while nothing is new.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from meridian.adapters.audit_batch import Place
from meridian.audit.segments import DamagedSegmentError, open_to_follow
from meridian.audit.stream_files import number_of, segment_name, stem_of, stream_named
from meridian.audit.written_order import runs_before

SKIP_BYTES: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class WrittenLog:
    """The log as its writer shows it to others."""

    directory: Path
    durable: Callable[[], Place]
    """Up to where it may be read; may be asked from any thread."""


def place_in(fields: Mapping[str, str | int] | None) -> Place | None:
    """Where a saved position says that a reader stood; nothing where it says nothing that can be used."""
    segment, length = (fields or {}).get("segment"), (fields or {}).get("length")
    return Place(segment, length) if isinstance(segment, str) and isinstance(length, int) and length >= 0 else None


class LogReader:
    """Used by one thread at a time, but for `holds` and `segments_behind`."""

    def __init__(self, log: WrittenLog, noted: Place | None, *, from_oldest: bool) -> None:
        """Begin at `noted`; without it at the oldest record, or with the stream that is being written. Raises: OSError."""
        self._log = log
        begin = log.durable().segment
        self._own = _stem(begin)
        self._later: dict[str, None] = {}
        self._file: BinaryIO | None = None
        self._buffer = b""
        if noted is not None or from_oldest:
            self.place = self._first_place(noted)
        else:
            self.place = Place(begin, 0)

    def _first_place(self, noted: Place | None) -> Place:
        stem = _stem(noted.segment) if noted is not None else ""
        if noted is not None and stem == self._own:
            return noted
        runs = runs_before(self._log.directory, self._own, stem)
        is_there = bool(runs) and runs[0].stem == stem
        for run in runs:
            is_after = noted.segment if noted is not None and run.stem == stem else ""
            self._later.update(dict.fromkeys(name for name in run.segments if name > is_after))
        place = noted if noted is not None and is_there else self._begin(1)
        self._later.pop(place.segment, None)
        return place

    def holds(self, segment: str) -> bool:
        """Whether this segment, by its plain name, was not read to its end."""
        if _stem(segment) != self._own:
            return segment in self._later or segment == self.place.segment
        return not self._is_in_own() or number_of(Path(segment)) >= number_of(Path(self.place.segment))

    def segments_behind(self) -> int:
        """How many segments hold something that was not read."""
        end = self._log.durable()
        last = number_of(Path(end.segment))
        if self._is_in_own():
            return last - number_of(Path(self.place.segment)) + (self.place != end)
        return 1 + len(self._later) + last

    def read(self, most: int) -> bytes:
        """What follows on the place, whole lines where they fit; empty where nothing durable does.

        Until `advance` it is given again. Raises: OSError, DamagedSegmentError.
        """
        end = self._log.durable()
        while self.place != end:
            self._fill(most, end)
            if self._buffer:
                return self._buffer[: self._buffer.rfind(b"\n") + 1] or self._buffer
            if self.place.segment == end.segment:
                return b""
            self.close()
            self.place = self._begin(number_of(Path(self.place.segment)) + 1 if self._is_in_own() else 1)
            self._later.pop(self.place.segment, None)  # only now, so that it is held all the time
        return b""

    def advance(self, length: int) -> None:
        """So many bytes of what was read are dealt with."""
        self._buffer = self._buffer[length:]
        self.place = Place(self.place.segment, self.place.length + length)

    def is_before(self, end: Place) -> bool:
        """Whether something up to there, which was durable once, was not dealt with."""
        return self.place < end if self._is_in_own() else True

    def close(self) -> None:
        """Give the open file back; reading opens it again."""
        file, self._file, self._buffer = self._file, None, b""
        if file is not None:
            file.close()

    def _fill(self, most: int, end: Place) -> None:
        left = most - len(self._buffer)
        if self.place.segment == end.segment:
            left = min(left, end.length - self.place.length - len(self._buffer))
        if left <= 0:
            return
        try:
            self._buffer += self._open().read(left)
        except FileNotFoundError:
            if self.place.segment == end.segment:
                raise  # what is being written is not where it was; an older one that was taken away is passed over
        except (OSError, DamagedSegmentError):
            self.close()
            raise

    def _open(self) -> BinaryIO:
        if self._file is None:
            # It stays open as long as it is read: a compressed one would be read from its beginning for each piece.
            self._file = file = open_to_follow(self._log.directory / self.place.segment)
            at = 0
            while at < self.place.length and (skipped := file.read(min(SKIP_BYTES, self.place.length - at))):
                at += len(skipped)
        return self._file

    def _begin(self, own_number: int) -> Place:
        """The beginning of the next segment: of an earlier stream, or else this one of the stream that is being written."""
        own = segment_name(self._own.split("-", 1)[0], stream_named(self._own), own_number)
        return Place(next(iter(self._later), own), 0)

    def _is_in_own(self) -> bool:
        return _stem(self.place.segment) == self._own


def _stem(name: str) -> str:
    return stem_of(Path(name))
