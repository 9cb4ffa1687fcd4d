"""One file of an audit stream, open for writing, with the space for what is promised to it.

Space is set aside behind the end of the file, where the file system can do that, so that what was promised can be written although the
disk is full by then.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import resource
from hashlib import sha256
from pathlib import Path
from typing import Final

from meridian.fresh_file import open_fresh

ROOM_STEP: Final = 1 << 16
"""Space is set aside in pieces of this size, where there is as much."""
LOOK_AGAIN_BYTES: Final = 1 << 20
KEEP_SIZE: Final = 1
NOT_IN_PLACE: Final = "is not where it was"
NOT_SUPPORTED: Final = (errno.EOPNOTSUPP, errno.ENOSYS)

_fallocate = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)


class AuditDirectory:
    """An audit directory that belongs to this process alone, until it is closed."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._identity = _identity(os.fstat(descriptor))

    @classmethod
    def take(cls, path: Path) -> AuditDirectory:
        """Lock the directory, made first where there is none; nothing in it is touched.

        Raises: OSError; BlockingIOError if another process has it.
        """
        if path.exists() and not path.is_dir():
            raise OSError(f"{path} is a file, not a folder")
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            os.close(descriptor)
            raise BlockingIOError(f"the audit directory {path} is in use by another process") from fault
        return cls(path, descriptor)

    def require_in_place(self) -> None:
        """Raises: OSError unless the path still leads to this very directory."""
        _require_same(str(self.path), self._identity, f"the audit directory {NOT_IN_PLACE}")

    def write(self, name: str, data: bytes) -> None:
        """Put a file there, whole or not at all, durable. Raises: OSError."""
        self.require_in_place()
        partial = self.path / f".{name}.partial"
        descriptor = open_fresh(partial)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.path / name)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        self.sync()

    def free_bytes(self) -> int:
        """What its disk has left for us. Raises: OSError."""
        disk = os.fstatvfs(self._descriptor)
        return disk.f_bavail * disk.f_frsize

    def require_reserve(self, reserve_bytes: int) -> None:
        """Raises: OSError where its disk has less than that left."""
        if reserve_bytes and self.free_bytes() < reserve_bytes:
            raise _no_room()

    def sync(self) -> None:
        """Make names durable. Raises: OSError."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let others have it; a second time does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Segment:
    """A file that only grows, by whole batches. Raises OSError from every method that touches the disk."""

    def __init__(self, directory: AuditDirectory, name: str, reserve_bytes: int) -> None:
        directory.require_in_place()
        self.path = directory.path / name
        self._reserve_bytes = reserve_bytes
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._name = str(self.path)
        self._identity = _identity(os.fstat(self._descriptor))
        self._hash = sha256()
        self._needs_cut = False
        self._known_free = 0
        self._room_until = 0
        self.length = 0
        self.oldest = self.newest = ""

    @property
    def sha256(self) -> str:
        """Of everything that is durable."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        """Append; returns when the bytes are durable in the file of this name. Otherwise none of them counts."""
        self.cut()
        self._needs_cut = True
        written = 0
        while written < len(data):
            written += os.pwrite(self._descriptor, data[written:] if written else data, self.length + written)
        os.fdatasync(self._descriptor)
        # A file that was removed, or whose disk was taken away, still takes bytes; nobody would ever find them.
        self.require_in_place()
        self._needs_cut = False
        self.length += len(data)
        self._hash.update(data)

    def require_in_place(self) -> None:
        """Raises: OSError unless the name still leads to this very file."""
        _require_same(self._name, self._identity, f"the audit file {NOT_IN_PLACE}")

    def require_room(self, size: int, promised: int, *, strictly: bool) -> None:
        """Look for room for `size` bytes, and set aside `promised` bytes behind them. Raises: OSError where that cannot be had.

        The reserve of the disk is looked at every time if `strictly`, otherwise when what was free may be used up. Without promises a
        write finds out by itself whether there is room, which costs less.
        """
        self._require_reserve(size + promised, strictly=strictly)
        if not promised:
            return
        limit, needed = resource.getrlimit(resource.RLIMIT_FSIZE)[0], size + promised
        if limit != resource.RLIM_INFINITY and self.length + needed > limit:
            raise OSError(errno.EFBIG, "the audit file may not grow")
        if not self.has_room(needed):
            self._set_aside(needed)

    def has_room(self, needed: int) -> bool:
        """Whether so many bytes are set aside already."""
        return self._room_until >= self.length + needed

    def _set_aside(self, needed: int) -> None:
        for size in (max(needed, ROOM_STEP), needed):
            fault = allocate(self._descriptor, self.length, size)
            if fault == 0:
                self._room_until = self.length + size
                return
            if fault in NOT_SUPPORTED:
                return  # the look at the free space is all that can be had here
        raise OSError(fault, os.strerror(fault))

    def _require_reserve(self, needed: int, *, strictly: bool) -> None:
        if not self._reserve_bytes:
            return
        self._known_free -= needed
        if strictly or self._known_free < self._reserve_bytes:
            disk = os.fstatvfs(self._descriptor)
            free = disk.f_bavail * disk.f_frsize
            # Others write here too: only a part of what is free is counted on until the next look.
            self._known_free = self._reserve_bytes + min(free - self._reserve_bytes, LOOK_AGAIN_BYTES) - needed
            if free < self._reserve_bytes:
                raise _no_room()

    def cut(self) -> None:
        """Remove what a failed write may have left."""
        if self._needs_cut:
            os.ftruncate(self._descriptor, self.length)
            self._room_until = 0
            self._needs_cut = False

    def close(self) -> None:
        """Give back space that was set aside, and close the file."""
        try:
            os.ftruncate(self._descriptor, self.length)
        finally:
            os.close(self._descriptor)

    def remove(self) -> None:
        """Close and remove a file that nothing was written to."""
        os.close(self._descriptor)
        self.path.unlink(missing_ok=True)


def _no_room() -> OSError:
    return OSError(errno.ENOSPC, "the audit disk is down to its reserve")


def allocate(descriptor: int, start: int, size: int) -> int:
    """Set disk space aside without making the file longer. The answer is 0 or the error number."""
    if _fallocate is None:
        return errno.EOPNOTSUPP
    if _fallocate(descriptor, KEEP_SIZE, ctypes.c_int64(start), ctypes.c_int64(size)) == 0:
        return 0
    return ctypes.get_errno()


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _require_same(path: str, identity: tuple[int, int], text: str) -> None:
    if _identity(os.stat(path)) != identity:
        raise OSError(errno.ESTALE, text, path)
