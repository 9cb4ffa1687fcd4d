"""The socket that the API server connects to: for its owner alone, in a folder that nobody else can change, never another's."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

PATH_BYTES_MAX: Final = 107
"""Of a socket's path, in Linux."""
OWNER_ALONE: Final = 0o600
OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
ASK_SECONDS: Final = 2.0


class SocketError(Exception):
    """The socket cannot be made; the text names it, and why."""


def bind_socket(path: Path, bind: Callable[[str], object]) -> None:
    """Have `bind` make the socket, given its address, with mode 0600. What stood there is removed only where it is a socket that nobody
    listens on. Raises: SocketError, with nothing changed.
    """
    if not path.is_absolute():
        raise SocketError(f"{path} is no absolute path")
    if len(os.fsencode(path)) > PATH_BYTES_MAX:
        raise SocketError(f"{path} is longer than {PATH_BYTES_MAX} bytes, the most that a socket's path may have")
    with _alone_in(path.parent):
        _make_room(path)
        before = os.umask(0o777 & ~OWNER_ALONE)
        try:
            bind(f"unix:{quote(os.fspath(path))}")
        except (OSError, RuntimeError) as fault:
            raise SocketError(f"{path}: cannot listen there: {fault}") from fault
        finally:
            os.umask(before)
        made = path.lstat()
        if not stat.S_ISSOCK(made.st_mode) or stat.S_IMODE(made.st_mode) != OWNER_ALONE:
            raise SocketError(f"{path} is not the socket that was made")


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Nobody else of this kind makes a socket in the folder meanwhile, which only its owner and root can change."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as fault:
        raise SocketError(f"{folder}: {fault.strerror}") from fault
    try:
        found = os.fstat(descriptor)
        if found.st_uid not in (0, os.geteuid()):
            raise SocketError(f"{folder} belongs to another user, who could put another socket there")
        if found.st_mode & OTHERS_WRITE:
            raise SocketError(f"{folder} may be written by others, who could put another socket there; chmod go-w")
        _require_kept(folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise SocketError(f"{folder}: another process makes a socket there at this moment") from taken
        yield
    finally:
        os.close(descriptor)


def _require_kept(folder: Path) -> None:
    """Nobody else can put another folder in this one's place. Raises: SocketError."""
    for above in folder.resolve().parents:
        found = above.stat()
        if found.st_uid not in (0, os.geteuid()):
            raise SocketError(f"{above} belongs to another user, who could put another folder in the place of {folder}")
        if found.st_mode & OTHERS_WRITE and not found.st_mode & stat.S_ISVTX:
            raise SocketError(f"{above} may be written by others, who could put another folder in the place of {folder}; chmod go-w")


def _make_room(path: Path) -> None:
    """Remove a socket that nobody listens on."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as fault:
        raise SocketError(f"{path}: {fault.strerror}") from fault
    if not stat.S_ISSOCK(found.st_mode):
        raise SocketError(f"{path} is there and is no socket; nothing was removed")
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(ASK_SECONDS)
        try:
            asking.connect(os.fspath(path))
        except OSError as fault:
            if fault.errno != errno.ECONNREFUSED:
                raise SocketError(f"{path}: cannot tell whether a process listens there: {fault.strerror or fault}") from fault
        else:
            raise SocketError(f"{path}: another process listens there")
    try:
        path.unlink()
    except OSError as fault:
        raise SocketError(f"{path}: cannot be removed: {fault.strerror}") from fault
