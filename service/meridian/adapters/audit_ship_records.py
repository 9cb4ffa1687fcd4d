"""Ships the log as records, in the order of the log, as soon as they are durable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from meridian.adapters.audit_position import PositionFile
from meridian.adapters.audit_reader import LogReader, WrittenLog, place_in
from meridian.fault_points import FaultPoint, reach

BATCH_BYTES: Final = 1 << 18
"""Of one message, far below what receivers of gRPC take."""


class RecordReceiver(Protocol):
    """Takes records."""

    def send(self, lines: Sequence[bytes]) -> None:
        """Return when all are taken. Raises: SinkFaultError."""
        ...

    def close(self) -> None:
        """Give up what is under way. May be called from any thread."""
        ...


class RecordShipper:
    """Implements `ports.audit_sinks.AuditSink`. Without a saved position it begins with the stream that is being written."""

    def __init__(self, name: str, log: WrittenLog, receiver: RecordReceiver) -> None:
        self.name = name
        self._log = log
        self._receiver = receiver
        self._position = PositionFile(position_path(log.directory, name), is_synced=True)
        noted = self._position.load()
        self._reader = LogReader(log, place_in(noted), from_oldest=noted is not None)
        self._position.save(self._reader.place._asdict())  # whoever dies before the first record begins here again

    def ship(self) -> bool:
        end = self._log.durable()
        data = self._reader.read(BATCH_BYTES)
        if not data:
            return False
        self._receiver.send([line for line in data.split(b"\n") if line])
        reach(FaultPoint.AUDIT_SHIPPED)
        self._reader.advance(len(data))
        self._position.save(self._reader.place._asdict())
        return self._reader.is_before(end)

    def segments_behind(self) -> int:
        return self._reader.segments_behind()

    def holds(self, segment: str) -> bool:
        return self._reader.holds(segment)

    def close(self) -> None:
        self._receiver.close()


def position_path(directory: Path, name: str) -> Path:
    """Where a sink of this name notes how far it has come."""
    return directory / f".{name}.position"
