"""Audit logs for tests, written by the writer that Regions use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from meridian.adapters.audit_digests import Opening
from meridian.adapters.audit_file import AuditFile, SegmentRules
from meridian.adapters.audit_segment import AuditDirectory
from meridian.adapters.audit_stream import FileAuditStream
from meridian.audit.chain import NO_HASH
from meridian.audit.keys import KEYS_FILE, AuditKey, AuditKeys, AuditSigner, RegionNames, change_message
from meridian.audit.segments import COMPRESSED, lines_of, segments_in
from meridian.audit.stream_files import segment_name
from meridian.crypto import ecdsa
from meridian.ports.security_events import SecurityEvent
from meridian.ports.store.audit_streams import StreamHead

NAMES = RegionNames("deployment", "aws", "us-east-1")
RULES = SegmentRules(bytes=1 << 26, seconds=300.0, reserve_bytes=0)


class SteppingClock:
    """Time that goes on when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class Told:
    """Security events as they were reported."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Mapping[str, str]]] = []

    def report(self, event: Any, *, subject: str = "", **details: str) -> None:
        self.events.append((str(event), {"subject": subject, **details}))

    def report_fault(self, fault: BaseException, *, during: str) -> None:
        self.report(SecurityEvent.UNFORESEEN_FAULT, subject=during, fault=type(fault).__name__)


class Keyholder:
    """A Region's audit keys, with their private halves."""

    def __init__(self, names: RegionNames = NAMES) -> None:
        self.names = names
        private, public = ecdsa.new_signing_key()
        self._private = ecdsa.load_signing_key(private)
        self.keys = AuditKeys(names, (AuditKey(1, public, b""),))

    @property
    def signer(self) -> AuditSigner:
        return AuditSigner(self.keys.keys[-1], partial(ecdsa.sign, self._private))

    def change(self) -> None:
        old, (private, public) = self.signer, ecdsa.new_signing_key()
        number = old.key.number + 1
        signature = old.sign(change_message(self.names, number, old.key.public_key, public))
        self._private = ecdsa.load_signing_key(private)
        self.keys = AuditKeys(self.names, (*self.keys.keys, AuditKey(number, public, signature)))


def open_file(
    directory: Path,
    stream: str = "s1",
    *,
    keyholder: Keyholder | None = None,
    clock: SteppingClock | None = None,
    rules: SegmentRules = RULES,
    epoch: int = 0,
    registered: StreamHead | None = None,
) -> AuditFile:
    """A stream that has begun, and the keys beside it."""
    keyholder, taken = keyholder or Keyholder(), AuditDirectory.take(directory)
    taken.write(KEYS_FILE, keyholder.keys.to_json())
    opening = Opening(keyholder.names, "r", epoch, stream, registered)
    return AuditFile.open(taken, opening, rules, keyholder.signer, clock or SteppingClock())


def open_stream(
    file: AuditFile, *, max_wait_seconds: float = 0.005, max_batch: int = 256, sink_timeout_seconds: float = 0.5
) -> FileAuditStream:
    """Group commit into a file, as a Region does it."""
    return FileAuditStream(file, Told(), max_wait_seconds=max_wait_seconds, max_batch=max_batch, sink_timeout_seconds=sink_timeout_seconds)


def records_in(directory: Path) -> list[dict[str, Any]]:
    """Every record of a directory, in the order of its files' names."""
    return [orjson.loads(line) for path in segments_in(directory, "*") for line in lines_of(path)]


class GrowingLog:
    """The log of a Region that serves: of a segment that was read before, what came since is read."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read: dict[Path, tuple[int, int, bytes, list[dict[str, Any]]]] = {}

    def records(self) -> list[dict[str, Any]]:
        """Every whole record, in the order of the segments' names. Callers leave them as they are."""
        return [each for path in segments_in(self._directory, "*") for each in self._records_of(path)]

    def _records_of(self, path: Path) -> list[dict[str, Any]]:
        try:
            return self._whole(path) if path.suffix == COMPRESSED else self._growing(path)
        except FileNotFoundError:  # it was compressed since it was listed
            return self._whole(path.with_name(path.name + COMPRESSED))

    def _whole(self, path: Path) -> list[dict[str, Any]]:
        inode = path.stat().st_ino
        known, _, _, records = self._read.get(path, (None, 0, b"", []))
        if known != inode:
            records = [orjson.loads(line) for line in lines_of(path)]
            self._read[path] = (inode, 0, b"", records)
        return records

    def _growing(self, path: Path) -> list[dict[str, Any]]:
        with path.open("rb") as file:
            inode = os.fstat(file.fileno()).st_ino
            known, end, last, records = self._read.get(path, (inode, 0, b"", []))
            file.seek(end - len(last))
            if known != inode or file.read(len(last)) != last:  # it was cut, or is another file
                end, last, records = 0, b"", []
                file.seek(0)
            lines = file.read().splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            lines.pop()
        if lines:
            records += map(orjson.loads, lines)
            self._read[path] = (inode, end + sum(map(len, lines)), lines[-1], records)
        return records


def record(number: int, name: str = "Encrypt", **fields: Any) -> dict[str, Any]:
    """A record that says little."""
    return {"eventName": name, "eventTime": "2026-01-02T03:04:05Z", "requestID": str(number), **fields, "meridian": {}}


def nobody(segment: str) -> bool:
    """Who holds no segment."""
    return False


def plant_history(directory: Path, streams: int, bytes_each: int) -> None:
    """Old streams of this size, each a first and a last line with a hole between: what is read of them is read, holes or not."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for number in range(streams):
        name, before = f"old{number:04d}", f"old{number - 1:04d}" if number else None
        opening = {"eventName": "StreamOpen", "meridian": {"stream": name, "seq": 0, "prevHash": NO_HASH, "previousStream": before}}
        last = {"eventName": "StreamClose", "meridian": {"stream": name, "seq": 1 << 20, "prevHash": NO_HASH}}
        with (directory / segment_name("20200101T000000.000000Z", name, 1)).open("wb") as file:
            file.write(orjson.dumps(opening) + b"\n")
            file.seek(bytes_each)
            file.write(b"\n" + orjson.dumps(last) + b"\n")
