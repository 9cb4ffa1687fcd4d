"""The one way in which commands write a file, over another one or anew: whole, or what was there stays as it was."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Final

from meridian.fresh_file import open_fresh

FOR_ALL: Final = 0o666
"""Of a new file that is no secret, before the mask of the process."""
OTHERS: Final = 0o077
"""The mask while the present one is read, which nothing else can do."""


def write_whole(path: Path, data: bytes, *, private: bool) -> None:
    """Write beside the file, then put that in its place; a private one is for its owner alone, another one keeps the mode that it had.

    A link is followed. What is no regular file (a pipe, `/dev/stdout`) is written into. Raises: OSError; then a regular file is as before.
    """
    if path.exists() and not path.is_file():
        _write_into(path, data)
        return
    target = path.resolve()
    partial = _partial(target)
    try:
        with os.fdopen(open_fresh(partial), "wb") as file:
            if not private:
                _give_to_its_readers(file.fileno(), target)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def require_writable(path: Path) -> None:
    """Find out whether `write_whole` could begin; nothing is left of it. Raises: OSError whose text fits behind the name of the file."""
    if path.is_dir():
        raise OSError(errno.EISDIR, "is a folder", str(path))
    above = path.absolute().parent
    if not above.is_dir():
        raise OSError(errno.ENOENT, f"there is no folder {above}", str(path))
    if path.exists() and not path.is_file():
        if not os.access(path, os.W_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return
    if path.exists() and not os.access(path, os.W_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    partial = _partial(path.resolve())
    os.close(open_fresh(partial))
    partial.unlink()


def _partial(target: Path) -> Path:
    return target.with_name(f".{target.name}.partial")


def _write_into(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _give_to_its_readers(descriptor: int, target: Path) -> None:
    """The owner and mode that the file had, or the mode of a new one."""
    try:
        before = target.stat()
    except FileNotFoundError:
        mask = os.umask(OTHERS)
        os.umask(mask)
        os.fchmod(descriptor, FOR_ALL & ~mask)
        return
    with contextlib.suppress(PermissionError):  # who may write a file need not be its owner
        os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
