"""One process at a time in a folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from meridian.cli.private_files import append_private


class FolderTakenError(Exception):
    """Another process has the folder."""


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Nobody else is in here with this folder, which is made if it is not there; the kernel lets go of it when the process ends.

    Raises: FolderTakenError, with nothing written; OSError.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = append_private(folder / "lock")
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise FolderTakenError(f"another process has the folder {folder}") from taken
        yield
    finally:
        os.close(descriptor)
