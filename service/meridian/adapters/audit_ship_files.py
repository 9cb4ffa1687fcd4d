"""Ships closed segments, compressed, and their digests, each as a file of its own name.

A segment of the running stream is shipped once a digest has signed it, and before that digest; of an ended stream everything is, signed
or not.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import zstandard

from meridian.adapters.audit_compression import CHUNK_BYTES, LEVEL
from meridian.adapters.audit_position import PositionFile
from meridian.adapters.audit_reader import WrittenLog
from meridian.audit.digest import read_digest
from meridian.audit.segments import COMPRESSED, SUFFIX, compressed_path
from meridian.audit.stream_files import digest_name, number_of, stem_of, stream_named
from meridian.audit.written_order import runs_before
from meridian.fault_points import FaultPoint, reach
from meridian.ports.audit_sinks import SinkFaultError

NOTHING: Final = {"segment": "", "digest": ""}


class FileReceiver(Protocol):
    """Takes files. One that comes again has the same content, and takes the place of the first."""

    def put(self, name: str, file: BinaryIO, length: int, digest: bytes) -> None:
        """Return when the file is kept, and is what its SHA-256 says. Raises: SinkFaultError."""
        ...

    def close(self) -> None:
        """Give up what is under way. May be called from any thread."""
        ...


class FileShipper:
    """Implements `ports.audit_sinks.AuditSink`. Without a saved position it begins with the oldest file that is there."""

    def __init__(self, name: str, log: WrittenLog, receiver: FileReceiver) -> None:
        self.name = name
        self._log = log
        self._receiver = receiver
        self._position = PositionFile(log.directory / f".{name}.position", is_synced=True)
        self._done: dict[str, str | int] = {**NOTHING, **(self._position.load() or {})}
        self._own = _stem(log.durable().segment)
        segment, digest = str(self._done["segment"]), str(self._done["digest"])
        self._segment = number_of(Path(segment)) if _stem(segment) == self._own else 0
        """Of the running stream, the last one that was taken."""
        self._digest = number_of(Path(digest)) + 1 if _stem(digest) == self._own else 0
        """Of the running stream, the next one."""
        self._later: dict[str, None] = {}
        """What is left of ended streams, in order."""
        for run in runs_before(log.directory, self._own, _stem(segment or digest)):
            after = segment if _stem(segment) == run.stem else ""
            self._later.update(dict.fromkeys(each for each in run.segments if each > after))
            after = digest if _stem(digest) == run.stem else ""
            self._later.update(dict.fromkeys(each for each in run.digests if each > after))
        self._later_segments = sum(each.endswith(SUFFIX) for each in self._later)

    def ship(self) -> bool:
        name = next(iter(self._later), None)
        if name is not None:
            self._put(name)
            self._later_segments -= name.endswith(SUFFIX)
            del self._later[name]
            return True
        path = self._next_digest()
        if not path.exists():
            return False
        for each in _signed_segments(path):
            if number_of(Path(each)) > self._segment:
                self._put(each)
                self._segment = number_of(Path(each))
                return True
        self._put(path.name)
        self._digest += 1
        return self._next_digest().exists()

    def segments_behind(self) -> int:
        open_now = number_of(Path(self._log.durable().segment))
        return self._later_segments + max(0, open_now - 1 - self._segment)

    def holds(self, segment: str) -> bool:
        if _stem(segment) == self._own:
            return number_of(Path(segment)) > self._segment
        return segment in self._later

    def close(self) -> None:
        self._receiver.close()

    def _next_digest(self) -> Path:
        return self._log.directory / digest_name(self._own.split("-", 1)[0], stream_named(self._own), self._digest)

    def _put(self, name: str) -> None:
        is_segment = name.endswith(SUFFIX)
        try:
            with _opened(self._log.directory / name, is_segment=is_segment) as file:
                digest = _sha256(file)
                length = file.tell()
                file.seek(0)
                self._receiver.put(name + COMPRESSED if is_segment else name, file, length, digest)
        except FileNotFoundError:
            return  # somebody has taken it away
        reach(FaultPoint.AUDIT_SHIPPED)
        done = {**self._done, "segment" if is_segment else "digest": name}
        self._position.save(done)
        self._done = done


def _signed_segments(digest: Path) -> list[str]:
    try:
        return [each.name for each in read_digest(digest).log_files]
    except ValueError as fault:
        raise SinkFaultError(f"{digest.name} is no digest") from fault


@contextmanager
def _opened(path: Path, *, is_segment: bool) -> Iterator[BinaryIO]:
    """The file as it is shipped. A segment that is plain is compressed for that."""
    try:
        plain = path.open("rb")
    except FileNotFoundError:
        if not is_segment:
            raise
        with compressed_path(path).open("rb") as file:
            yield file
        return
    with plain:
        if not is_segment:
            yield plain
            return
        with tempfile.TemporaryFile(dir=path.parent) as compressed:  # without a name: it goes with the process
            zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).copy_stream(plain, compressed, size=os.fstat(plain.fileno()).st_size)
            compressed.seek(0)
            yield compressed


def _sha256(file: BinaryIO) -> bytes:
    content = sha256()
    while chunk := file.read(CHUNK_BYTES):
        content.update(chunk)
    return content.digest()


def _stem(name: str) -> str:
    return stem_of(Path(name)) if name else ""
