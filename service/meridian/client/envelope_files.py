"""Files in and out of envelopes: what is written is whole when it is at its place, and stands beside it until then."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from meridian.client.path_of import path_of
from meridian.client.tink_streaming import SEGMENT_BYTES
from meridian.fresh_file import open_fresh
from meridian.regular_file import open_regular


def open_source(path: Path | str) -> BinaryIO:
    """A regular file, to be read once. Raises: OSError."""
    return io.BufferedReader(open_regular(path_of("source", path)))


def pieces_of(source: BinaryIO) -> Iterator[bytes]:
    """What a stream holds, a mebibyte at a time."""
    while piece := source.read(SEGMENT_BYTES):
        yield piece


@contextlib.contextmanager
def whole_file(target: Path | str) -> Iterator[BinaryIO]:
    """A new file for its owner alone; it takes the place of `target` when it is whole, and is gone where it is not. Raises: OSError."""
    target = path_of("target", target).resolve()
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with os.fdopen(open_fresh(partial), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
