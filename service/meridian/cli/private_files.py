"""Files that only their owner may read: whatever Meridian writes that is, or may be, a secret."""

from __future__ import annotations

import os
from pathlib import Path

from meridian.fresh_file import OWNER_ALONE, open_fresh


def write_private(path: Path, data: bytes) -> None:
    """Write a file of mode 0600, whole or not at all. What is no regular file (a pipe, `/dev/stdout`) is written into."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    target = path.resolve()
    partial = target.with_name(f".{target.name}.partial")
    with os.fdopen(open_fresh(partial), "wb") as file:
        file.write(data)
    partial.replace(target)


def append_private(path: Path) -> int:
    """A descriptor that appends to a file of mode 0600."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, OWNER_ALONE)
    os.fchmod(descriptor, OWNER_ALONE)
    return descriptor
