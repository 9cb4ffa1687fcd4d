"""Files that hold secrets, and files that say whom to believe: read only where nobody else may read or write them.

A file with a secret is for its owner alone. One that belongs to root may also be read by its group: so Kubernetes mounts secrets for a
process with an `fsGroup`.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

OWNER_ALONE: Final = 0o600
OWNER_AND_GROUP: Final = 0o640
OTHERS_WRITE: Final = 0o002
BYTES_MAX: Final = 4 * 1024 * 1024


class FileFault(Exception):
    """A file cannot be used; the message names it, and says what to do."""


def read_secret(path: Path) -> bytes:
    """The bytes of a file that nobody else may read, at most 4 MiB. Raises: FileFault."""
    data, status = _read(path)
    mode = stat.S_IMODE(status.st_mode)
    allowed = OWNER_AND_GROUP if status.st_uid == 0 else OWNER_ALONE
    if mode & ~allowed:
        raise FileFault(f"{path}: mode {mode:04o} is looser than {allowed:04o}, others may use its secret: chmod 0600")
    if status.st_uid not in (0, os.geteuid()):
        raise FileFault(f"{path}: holds a secret and belongs to another user: chown it to the user of this process")
    return data


def read_trusted(path: Path) -> bytes:
    """The bytes of a file that not everybody may write, at most 4 MiB. Raises: FileFault."""
    data, status = _read(path)
    if status.st_mode & OTHERS_WRITE:
        raise FileFault(f"{path}: mode {stat.S_IMODE(status.st_mode):04o} lets everybody change it: chmod o-w")
    return data


def _read(path: Path) -> tuple[bytes, os.stat_result]:
    """Content and status of one and the same open file. Raises: FileFault."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise FileFault(f"{path}: is no file")
            data = file.read(BYTES_MAX + 1)
    except OSError as fault:
        raise FileFault(f"{path}: {fault.strerror}") from fault
    if len(data) > BYTES_MAX:
        raise FileFault(f"{path}: is larger than {BYTES_MAX} bytes")
    return data, status
