"""Files that somebody else may have put there: only regular ones are opened, and they are read up to a length."""

from __future__ import annotations

import errno
import os
import stat
from io import FileIO
from pathlib import Path


def open_regular(path: Path) -> FileIO:
    """The bytes of a regular file, unbuffered; a link to one will do. Nothing waits for the other end of a pipe.

    Raises: OSError, whose text fits behind the name of the file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        number, text = (errno.EISDIR, "is a folder") if stat.S_ISDIR(mode) else (errno.EINVAL, "is no regular file")
        raise OSError(number, text, str(path))
    return os.fdopen(descriptor, "rb", buffering=0)


def read_regular(path: Path, most: int) -> bytes:
    """The bytes of a regular file; no more than one above `most` is read. Raises: OSError, whose text fits behind the name of the file."""
    with open_regular(path) as file:
        data = _read(file, most + 1)
    try:
        return up_to(data, most)
    except OSError as fault:
        raise OSError(fault.errno, fault.strerror, str(path)) from fault


def up_to(data: bytes, most: int) -> bytes:
    """The same bytes. Raises: OSError where they are more than `most`."""
    if len(data) > most:
        raise OSError(errno.EFBIG, f"is longer than {most:,} bytes, the most that can be used here")
    return data


def _read(file: FileIO, most: int) -> bytes:
    data = bytearray()
    while len(data) < most and (piece := file.read(most - len(data))):
        data += piece
    return bytes(data)
