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
from threading import Event, Thread
from typing import Final

from meridian.adapters.audit_position import PositionFile
from meridian.adapters.audit_reader import LogReader, WrittenLog, place_in
from meridian.audit.segments import DamagedSegmentError
from meridian.ports.clock import Clock

POSITION_FILE: Final = ".stdout.position"
LOOK_SECONDS: Final = 0.2
HANGS_SECONDS: Final = 5.0
PIECE_BYTES: Final = select.PIPE_BUF
"""A pipe that is ready takes as much without waiting."""
READ_BYTES: Final = 1 << 16
END_SECONDS: Final = 2.0


class StdoutCopy:
    """Implements `ports.audit_sinks.SinkStanding`. One per process; it begins when it is made."""

    name: Final = "stdout"

    def __init__(self, log: WrittenLog, output: int, clock: Clock, on_fault: Callable[[OSError], None]) -> None:
        self._log = log
        self._output = output
        self._clock = clock
        self._on_fault = on_fault
        self._position = PositionFile(log.directory / POSITION_FILE, is_synced=False)
        self._reader = LogReader(log, place_in(self._position.load()), from_oldest=False)
        self._saved = self._reader.place
        self._level_at = clock.monotonic()
        self._is_faulty = False
        self.failures = 0
        self._stopping = Event()
        self._thread = Thread(target=self._work, name="audit to stdout", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Copy what is left, unless nobody reads it; the log must be closed before."""
        self._stopping.set()
        self._thread.join(END_SECONDS)

    def segments_behind(self) -> int:
        """How many segments hold something that was not copied."""
        return self._reader.segments_behind()

    def seconds_behind(self) -> float:
        """For how long something has not been copied."""
        return self._clock.monotonic() - self._level_at

    def _work(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stopping.wait(LOOK_SECONDS)
            began = self._clock.monotonic()
            try:
                self._copy()
                self._save()
                self._is_faulty, self._level_at = False, began
            except (OSError, DamagedSegmentError) as fault:
                self.failures += 1
                self._tell(fault if isinstance(fault, OSError) else OSError(errno.EIO, str(fault)))
        self._reader.close()

    def _tell(self, fault: OSError) -> None:
        if not self._is_faulty:
            self._is_faulty = True
            self._on_fault(fault)

    def _copy(self) -> None:
        while data := self._reader.read(READ_BYTES):
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
            self._reader.advance(written)

    def _save(self) -> None:
        if self._reader.place != self._saved:
            self._position.save(self._reader.place._asdict())
            self._saved = self._reader.place
