"""Segments as they lie in a directory: plain while they are written, and compressed with zstd some time after they were closed.

Hashes, names and positions are those of the plain file, whichever lies there. Where both do, the compressed one is not finished with:
the plain one counts.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Final, cast

import zstandard

SUFFIX: Final = ".jsonl"
COMPRESSED: Final = ".zst"
LINE_BYTES_MAX: Final = 1 << 20
WINDOW_BYTES_MAX: Final = 1 << 23
"""What reading a compressed segment takes in memory at most, whoever compressed it."""


class DamagedSegmentError(Exception):
    """A compressed segment is not as it was compressed."""


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
    """A segment's plain bytes, also where it was compressed since it was listed. Raises: OSError."""
    return _open(path, io.DEFAULT_BUFFER_SIZE)


def open_to_follow(path: Path) -> BinaryIO:
    """The same of a segment that may still grow, or be cut back to what is durable: of it nothing is read before it is asked for."""
    return _open(path, 0)


def _open(path: Path, buffered_bytes: int) -> BinaryIO:
    try:
        file = path.open("rb", buffering=buffered_bytes)
    except FileNotFoundError:
        if is_compressed(path):
            raise
        path = compressed_path(path)
        file = path.open("rb", buffering=buffered_bytes)
    if not is_compressed(path):
        return file
    reader = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES_MAX).stream_reader(file, closefd=True)
    return io.BufferedReader(cast(io.RawIOBase, reader), LINE_BYTES_MAX)


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a segment with their newlines, and pieces of `LINE_BYTES_MAX` of one that is longer: no record is.

    Raises: OSError, DamagedSegmentError.
    """
    with open_segment(path) as file:
        try:
            while line := file.readline(LINE_BYTES_MAX):
                yield line
        except zstandard.ZstdError as fault:
            raise DamagedSegmentError("the file cannot be decompressed") from fault


def first_line(path: Path) -> bytes:
    """Raises: OSError, DamagedSegmentError."""
    return next(lines_of(path), b"")
