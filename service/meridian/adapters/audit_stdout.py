"""Copies the audit log to standard output, from its files, in a thread of its own.

The file is what calls wait for; a reader of standard output that stops reading holds up this copy and nobody else. Every line is copied
once it is durable. How far the copy has come lies beside the log, so the next start goes on there; after a kill it repeats what was
copied in the last second, which a reader tells by `meridian.stream` and `meridian.seq`.
"""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Final

import orjson

from meridian.adapters.audit_batch import Place
from meridian.audit.segments import DamagedSegmentError, open_segment, plain_name, segments_in
from meridian.fresh_file import open_fresh

POSITION_FILE: Final = ".stdout.position"
LOOK_SECONDS: Final = 0.2
HANGS_SECONDS: Final = 5.0
PIECE_BYTES: Final = select.PIPE_BUF
"""A pipe that is ready takes as much without waiting."""
READ_BYTES: Final = 1 << 16
END_SECONDS: Final = 2.0


class StdoutCopy:
    """One per process; it begins when it is made."""

    def __init__(self, directory: Path, durable: Callable[[], Place], output: int, on_fault: Callable[[OSError], None]) -> None:
        self._directory = directory
        self._durable = durable
        self._output = output
        self._on_fault = on_fault
        self._place = self._noted() or Place(durable().segment, 0)
        self._saved = self._place
        self._is_faulty = False
        self._stopping = Event()
        self._thread = Thread(target=self._work, name="audit to stdout", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Copy what is left, unless nobody reads it; the log must be closed before."""
        self._stopping.set()
        self._thread.join(END_SECONDS)

    def _work(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stopping.wait(LOOK_SECONDS)
            try:
                self._copy()
                self._save()
                self._is_faulty = False
            except (OSError, DamagedSegmentError) as fault:
                self._tell(fault if isinstance(fault, OSError) else OSError(errno.EIO, str(fault)))

    def _tell(self, fault: OSError) -> None:
        if not self._is_faulty:
            self._is_faulty = True
            self._on_fault(fault)

    def _copy(self) -> None:
        end = self._durable()
        for path in segments_in(self._directory, "*"):
            name = plain_name(path)
            if name < self._place.segment or name > end.segment:
                continue
            if name > self._place.segment:
                self._place = Place(name, 0)
            self._copy_segment(path, end.length if name == end.segment else None)

    def _copy_segment(self, path: Path, length: int | None) -> None:
        with open_segment(path) as file:
            at = 0
            while at < self._place.length and (skipped := file.read(min(READ_BYTES, self._place.length - at))):
                at += len(skipped)
            while length is None or self._place.length < length:
                left = READ_BYTES if length is None else min(READ_BYTES, length - self._place.length)
                data = file.read(left)
                if not data:
                    return
                self._write(data)

    def _write(self, data: bytes) -> None:
        """Raises: OSError; what was written by then is not written again."""
        waiting = select.poll()
        waiting.register(self._output, select.POLLOUT)
        while data:
            ready = waiting.poll(HANGS_SECONDS * 1000)
            if not ready:
                raise OSError(errno.ETIMEDOUT, "nobody reads standard output")
            piece = data[:PIECE_BYTES]
            written = os.write(self._output, piece[: piece.rfind(b"\n") + 1] or piece)  # lines are whole where they can be
            data = data[written:]
            self._place = Place(self._place.segment, self._place.length + written)

    def _noted(self) -> Place | None:
        """Where the copy of an earlier process ended, if what follows is still there."""
        try:
            said = orjson.loads((self._directory / POSITION_FILE).read_bytes())
            place = Place(str(said["segment"]), int(said["length"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return place if place.segment <= self._durable().segment else None  # otherwise the clock has gone back

    def _save(self) -> None:
        if self._place != self._saved:
            partial = self._directory / f"{POSITION_FILE}.partial"
            with os.fdopen(open_fresh(partial), "wb") as file:
                file.write(orjson.dumps(self._place._asdict()))
            partial.replace(self._directory / POSITION_FILE)
            self._saved = self._place
