"""The connections of a listener as the operating system knows them: gRPC tells of none that carries no call, and closes none when told.

Each is looked at through a copy of its file descriptor, so that what is closed is what was looked at.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from errno import ENOTSOCK
from stat import S_ISSOCK
from typing import Final, NamedTuple
from urllib.parse import unquote

from meridian.domain.addresses import plain_address

DESCRIPTORS: Final = "/dev/fd"
"""Where a process finds its own open files, on Linux and macOS."""


class Far(NamedTuple):
    """The far end of a connection."""

    address: str
    port: int


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
    for far, connection in _connections(port):
        if far in ends:
            with suppress(OSError):  # it has ended
                connection.shutdown(socket.SHUT_RDWR)


def _connections(port: int) -> Iterator[tuple[Far, socket.socket]]:
    for name in os.listdir(DESCRIPTORS):
        with suppress(OSError), closing(_Copy(int(name))) as copy:  # closed since, or no connected socket
            near = copy.socket.getsockname()
            if isinstance(near, tuple) and near[1] == port:
                address, far_port = copy.socket.getpeername()[:2]
                yield Far(plain_address(address), far_port), copy.socket


class _Copy:
    """A copy of a descriptor of a socket. Raises: OSError where it is none.

    Of a file none is ever closed: that would end every lock of this process on the file, those of a database too.
    """

    def __init__(self, descriptor: int) -> None:
        _require_socket(descriptor)
        copy = os.dup(descriptor)
        _require_socket(copy)  # the number may have been given to a file in between; that copy stays open
        try:
            self.socket = socket.socket(fileno=copy)
        except OSError:
            os.close(copy)
            raise
        self.close = self.socket.close


def _require_socket(descriptor: int) -> None:
    """Raises: OSError."""
    if not S_ISSOCK(os.fstat(descriptor).st_mode):
        raise OSError(ENOTSOCK, "no socket")
