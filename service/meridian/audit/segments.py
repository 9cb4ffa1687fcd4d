"""Segments as they lie in a directory: plain while they are written, and compressed with zstd some time after they were closed.

Hashes, names and positions are those of the plain file, whichever lies there. Where both do, the compressed one is not finished with:
the plain one counts.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import zstandard

from meridian.regular_file import open_regular

SUFFIX: Final = ".jsonl"
COMPRESSED: Final = ".zst"
LINE_BYTES_MAX: Final = 1 << 20
CHUNK_BYTES: Final = 1 << 18
WINDOW_BYTES_MAX: Final = 1 << 23
"""What reading a compressed segment takes in memory at most, whoever compressed it."""
HEAD_BYTES: Final = 18
"""Of a frame of zstd at most; its magic number, the size of its content and what else is said before it."""


class DamagedSegmentError(Exception):
    """A compressed segment is not as it was compressed, or is cut short."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path.name} cannot be decompressed")


class _Content(io.RawIOBase):
    """The plain bytes of a compressed file. The reader of zstd takes the end of a file for the end of its content, wherever it was cut, so
    the size in its head is compared. Raises: DamagedSegmentError."""

    def __init__(self, path: Path, file: io.BufferedReader) -> None:
        self._path, self._file = path, file
        self._reader = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES_MAX).stream_reader(file)
        try:
            self._left = zstandard.frame_content_size(file.peek(HEAD_BYTES))
        except zstandard.ZstdError as fault:
            raise DamagedSegmentError(path) from fault

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            count = self._reader.readinto(buffer)
        except zstandard.ZstdError as fault:
            raise DamagedSegmentError(self._path) from fault
        self._left -= count
        if count == 0 and self._left != 0:
            raise DamagedSegmentError(self._path)
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def plain_name(path: Path) -> str:
    """The name of a file as it was before it was compressed."""
    return path.name.removesuffix(COMPRESSED)


def is_compressed(path: Path) -> bool:
    return path.name.endswith(COMPRESSED)


def compressed_path(path: Path) -> Path:
    """Where the compressed form of a plain segment lies."""
    return path.with_name(path.name + COMPRESSED)


def segments_in(directory: Path, pattern: str) -> list[Path]:
    """The segments of a directory whose plain names match, sorted by those."""
    # In this order: a file that is no more in the first list is in the second.
    found = {path.name: path for path in directory.glob(f"{pattern}{SUFFIX}") if path.is_file()}
    for path in directory.glob(f"{pattern}{SUFFIX}{COMPRESSED}"):
        if path.is_file():
            found.setdefault(plain_name(path), path)
    return [found[name] for name in sorted(found)]


def open_segment(path: Path) -> AbstractContextManager[BinaryIO]:
    """A segment's plain bytes, also where it was compressed since it was listed. Raises: OSError, DamagedSegmentError; so does reading."""
    return _open(path, is_buffered=True)


def open_to_follow(path: Path) -> BinaryIO:
    """The same of a segment that may still grow, or be cut back to what is durable: of it nothing is read before it is asked for."""
    return _open(path, is_buffered=False)


def _open(path: Path, *, is_buffered: bool) -> BinaryIO:
    path, file = _either_form(path)
    if is_compressed(path):
        return io.BufferedReader(_Content(path, io.BufferedReader(file)), LINE_BYTES_MAX)
    return io.BufferedReader(file) if is_buffered else cast(BinaryIO, file)


def _either_form(path: Path) -> tuple[Path, io.FileIO]:
    """The file of this name, or the compressed one that took its place, open. Raises: OSError."""
    try:
        return path, open_regular(path)
    except FileNotFoundError:
        if is_compressed(path):
            raise
        return compressed_path(path), open_regular(compressed_path(path))


def plain_size(path: Path) -> int:
    """How many plain bytes a segment has now, also where it was compressed since it was listed. Raises: OSError, DamagedSegmentError."""
    path, file = _either_form(path)
    with file:
        if not is_compressed(path):
            return os.fstat(file.fileno()).st_size
        try:
            size = zstandard.frame_content_size(file.read(HEAD_BYTES))
        except zstandard.ZstdError as fault:
            raise DamagedSegmentError(path) from fault
    if size < 0:
        raise DamagedSegmentError(path)
    return size


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a segment with their newlines, and pieces of `LINE_BYTES_MAX` of one that is longer: no record is.

    Raises: OSError, DamagedSegmentError.
    """
    with open_segment(path) as file:
        while line := file.readline(LINE_BYTES_MAX):
            yield line


def content_hash(path: Path) -> str:
    """SHA-256 of a segment's plain bytes, 64 hexadecimal digits. Raises: OSError, DamagedSegmentError."""
    content = sha256()
    with open_segment(path) as file:
        while chunk := file.read(CHUNK_BYTES):
            content.update(chunk)
    return content.hexdigest()


def first_line(path: Path) -> bytes:
    """Raises: OSError, DamagedSegmentError."""
    return next(lines_of(path), b"")
