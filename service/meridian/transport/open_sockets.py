"""The connections of a listener as the operating system knows them: gRPC tells of none that carries no call, and closes none when told.

Descriptors belong to others, who may close one at any moment and be given its number for something else. So looking makes and closes
nothing; what is ended is ended through a copy, which nobody else can close, and which is looked at again.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Iterator
from contextlib import suppress
from errno import EMFILE
from functools import lru_cache
from stat import S_ISREG
from typing import Final, NamedTuple
from urllib.parse import unquote

from meridian.domain.addresses import plain_address

DESCRIPTORS: Final = "/dev/fd"
"""Where a process finds its own open files, on Linux and macOS."""
FAR_ENDS_KEPT: Final = 4096
"""Connections whose name is not read anew with each call."""
COPIES_KEPT_MAX: Final = 64
"""Of files whose descriptors took the number of a connection between a look and a copy."""


class Far(NamedTuple):
    """The far end of a connection."""

    address: str
    port: int


@lru_cache(maxsize=FAR_ENDS_KEPT)
def far_end(peer: str) -> Far | None:
    """What gRPC calls a peer, `ipv4:127.0.0.1:1234` or `ipv6:%5B::1%5D:1234`; None for any other kind."""
    kind, _, rest = peer.partition(":")
    address, _, port = unquote(rest).rpartition(":")
    if kind not in ("ipv4", "ipv6") or not port.isdecimal():
        return None
    return Far(plain_address(address.strip("[]")), int(port))


def far_ends(port: int) -> set[Far]:
    """The far ends of every open connection to this port of this process. Raises: OSError where the process cannot look."""
    return {far for far, _ in _connections(port)}


def close_connections(port: int, ends: Collection[Far]) -> None:
    """End these connections, whoever holds them in this process. Raises: OSError where the process cannot look."""
    _kept.let_go()
    for far, descriptor in _connections(port):
        if far in ends:
            with suppress(OSError), _copy_of(descriptor) as connection:  # it has ended, or its number is another's by now
                if _far_end_of(connection, port) in ends:
                    connection.shutdown(socket.SHUT_RDWR)


def _connections(port: int) -> Iterator[tuple[Far, int]]:
    for name in os.listdir(DESCRIPTORS):
        with suppress(OSError):  # closed since, or no connected socket
            seen = socket.socket(fileno=int(name))
            try:
                far = _far_end_of(seen, port)
            finally:
                seen.detach()
            if far is not None:
                yield far, int(name)


def _far_end_of(connection: socket.socket, port: int) -> Far | None:
    """None where it is no connection to this port. Raises: OSError."""
    near = connection.getsockname()
    if not isinstance(near, tuple) or near[1] != port:
        return None
    address, far_port = connection.getpeername()[:2]
    return Far(plain_address(address), far_port)


def _copy_of(descriptor: int) -> socket.socket:
    """Raises: OSError where it is no socket."""
    copy = os.dup(descriptor)
    try:
        return socket.socket(fileno=copy)
    except OSError:
        _kept.give_up(copy)
        raise


class _KeptCopies:
    """Copies of files that were made by chance. Whoever closes any descriptor of a file ends every lock of this process on it, those of a
    database too; so each is closed when nothing else here has its file open."""

    def __init__(self) -> None:
        self._copies: list[int] = []

    def give_up(self, copy: int) -> None:
        if S_ISREG(os.fstat(copy).st_mode):
            self._copies.append(copy)
        else:
            os.close(copy)

    def let_go(self) -> None:
        """Raises: OSError where too many are left: then nothing more is copied."""
        if not self._copies:
            return
        copies, self._copies = self._copies, []
        elsewhere = _files_open(besides=copies)
        for copy in copies:
            if _file_of(copy) in elsewhere:
                self._copies.append(copy)
            else:
                os.close(copy)
        if len(self._copies) >= COPIES_KEPT_MAX:
            raise OSError(EMFILE, "too many copies of files are open")


_kept: Final = _KeptCopies()
"""Of the process, as its descriptors are. One thread ends connections of a listener at a time."""


def _files_open(*, besides: Collection[int]) -> set[tuple[int, int]]:
    found = set()
    for descriptor in {int(name) for name in os.listdir(DESCRIPTORS)} - set(besides):
        with suppress(OSError):  # closed since
            found.add(_file_of(descriptor))
    return found


def _file_of(descriptor: int) -> tuple[int, int]:
    """Raises: OSError."""
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino
