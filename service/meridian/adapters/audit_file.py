"""One audit stream on disk: a file of chained lines, written in batches.

INVARIANT: the chain's position moves only when a batch is durable. After a failed write the file is cut back to that position
before anything else is written, so a record is in the chain exactly if it was acknowledged, or belongs to the last batch.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from meridian.domain.audit_bounds import shortened
from meridian.domain.audit_chain import NO_HASH, leaf_hash
from meridian.domain.audit_record import Record, event_time

SUFFIX: Final = ".jsonl"
TAIL_BYTES: Final = 1 << 20
LOOK_AGAIN_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Tail:
    """Where an earlier stream ends."""

    stream: str
    last_hash: str
    torn_bytes: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines ready to be written, and where the chain stands after them."""

    data: bytes
    records: int
    sequence: int
    last_hash: str


class AuditFile:
    """A stream that is open for writing. Used by one thread at a time."""

    def __init__(self, path: Path, stream: str, reserve_bytes: int) -> None:
        self.path = path
        self._stream = stream
        self._reserve_bytes = reserve_bytes
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._length = 0
        self._sequence = 0
        self._last_hash = NO_HASH
        self._needs_cut = False
        self._known_free = 0
        self.syncs = 0
        self.records = 0

    @classmethod
    def open(cls, directory: Path, *, stream: str, now: datetime, reserve_bytes: int, names: Record) -> AuditFile:
        """Begin a stream with its StreamOpen record, which names the stream before it. Raises: OSError."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        tail = cut_torn_tail(directory)
        made = cls(directory / f"{now:%Y%m%dT%H%M%S.%fZ}-{stream}{SUFFIX}", stream, reserve_bytes)
        opening: Record = {"eventName": "StreamOpen", "eventTime": event_time(now), "meridian": dict(names)}
        if tail is not None:
            opening["meridian"] |= {"previousStream": tail.stream, "previousHash": tail.last_hash, "tornBytes": tail.torn_bytes}
        made.write([opening])
        _sync_directory(directory)
        return made

    def write(self, records: Sequence[Record]) -> None:
        """Append records and return when they are durable. Raises: OSError; then none of them is in the chain."""
        self.write_batch(self.chain(records))

    def write_batch(self, batch: Batch) -> None:
        """Append a batch that follows on what is durable now. Raises: OSError; then none of it is in the chain."""
        if self._needs_cut:
            os.ftruncate(self._descriptor, self._length)
            self._needs_cut = False
        data = batch.data
        self._require_reserve(len(data))
        self._needs_cut = True
        written = 0
        while written < len(data):
            written += os.pwrite(self._descriptor, data[written:] if written else data, self._length + written)
        os.fdatasync(self._descriptor)
        self._needs_cut = False
        self.syncs += 1
        self.records += batch.records
        self._length += len(data)
        self._sequence, self._last_hash = batch.sequence, batch.last_hash

    def close(self, now: datetime) -> None:
        """Write StreamClose and close the file. Raises: OSError; the file is closed all the same."""
        try:
            self.write([{"eventName": "StreamClose", "eventTime": event_time(now), "meridian": {}}])
        finally:
            os.close(self._descriptor)

    def chain(self, records: Sequence[Record]) -> Batch:
        """The lines of these records, chained to what is durable now."""
        sequence, last_hash, lines = self._sequence, self._last_hash, []
        for record in records:
            inner: dict[str, Any] = record["meridian"]
            inner["stream"], inner["seq"], inner["prevHash"] = self._stream, sequence, last_hash
            line = shortened(orjson.dumps(record))
            last_hash = leaf_hash(line)
            sequence += 1
            lines.append(line)
        lines.append(b"")
        return Batch(b"\n".join(lines), len(records), sequence, last_hash)

    def _require_reserve(self, needed: int) -> None:
        """Look at the disk again when what was free at the last look may be used up to its reserve."""
        self._known_free -= needed
        if self._reserve_bytes and self._known_free < self._reserve_bytes:
            disk = os.fstatvfs(self._descriptor)
            free = disk.f_bavail * disk.f_frsize
            # Others write here too: only a part of what is free is counted on until the next look.
            self._known_free = self._reserve_bytes + min(free - self._reserve_bytes, LOOK_AGAIN_BYTES) - needed
            if free < self._reserve_bytes:
                raise OSError(errno.ENOSPC, "the audit disk is down to its reserve")


def streams_in(directory: Path) -> list[Path]:
    """The stream files of a directory, oldest first."""
    return sorted(p for p in directory.glob(f"*{SUFFIX}") if p.is_file())


def stream_of(path: Path) -> str:
    """The stream id in a file's name."""
    return path.stem.split("-", 1)[-1]


def events_in(directory: Path, event_ids: Collection[str]) -> set[str]:
    """Which of these event ids stand in the streams of a directory; the newest stream is read first."""
    missing, found = set(event_ids), set()
    for path in reversed(streams_in(directory)):
        if not missing:
            break
        text = path.read_bytes()
        here = {name for name in missing if name.encode() in text}
        found |= here
        missing -= here
    return found


def cut_torn_tail(directory: Path) -> Tail | None:
    """Where the newest stream ends, after cutting off a last line that was not written whole. None without an earlier stream."""
    for path in reversed(streams_in(directory)):
        with path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - TAIL_BYTES)
            file.seek(start)
            tail = file.read()
            end = tail.rfind(b"\n") + 1
            torn = len(tail) - end
            if torn:
                file.truncate(size - torn)
                os.fsync(file.fileno())
        lines = tail[:end].splitlines()
        if lines:
            return Tail(stream_of(path), leaf_hash(lines[-1]), torn)
        path.unlink()  # not even its StreamOpen was durable, so nobody was answered under it
    return None


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
