"""Files of Meridian's own folders that only their owner may read: whatever is written there is, or may be, a secret."""

from __future__ import annotations

import os
from pathlib import Path

from meridian.cli.whole_files import write_whole
from meridian.fresh_file import OWNER_ALONE


def write_private(path: Path, data: bytes) -> None:
    """Write a file of mode 0600, whole or not at all, in a folder that is made where there is none. Raises: OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(path, data, private=True)


def append_private(path: Path) -> int:
    """A descriptor that appends to a file of mode 0600."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, OWNER_ALONE)
    os.fchmod(descriptor, OWNER_ALONE)
    return descriptor
