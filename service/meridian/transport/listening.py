"""Sockets that listen."""

from __future__ import annotations

import socket
from pathlib import Path


def listening_socket(address: str, *, is_shared: bool) -> socket.socket:
    """A socket that listens on `host:port`: who is told that the Region is ready can connect. Several that are shared, of one user, may
    listen there, and each takes a part of the connections.

    Raises: OSError if the address is taken.
    """
    bound = bound_socket(address, is_shared=is_shared)
    try:
        bound.listen()
    except OSError as fault:
        bound.close()
        raise OSError(f"cannot listen on {address}: {fault.strerror or fault}") from fault
    return bound


def bound_socket(address: str, *, is_shared: bool) -> socket.socket:
    """The same before it listens: nobody can connect, and nobody else can have the address. Raises: OSError."""
    host, _, port = address.rpartition(":")
    try:
        families = {found[0] for found in socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)}
    except OSError as fault:
        raise OSError(f"cannot listen on {address}: {fault.strerror or fault}") from fault
    bound = socket.socket(socket.AF_INET if socket.AF_INET in families else socket.AF_INET6)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host.strip("[]"), int(port)))
    except OSError as fault:
        bound.close()
        raise OSError(f"cannot listen on {address}: {fault.strerror or fault}") from fault
    return bound


def require_free_datagrams(address: str) -> None:
    """Nobody has this port of UDP. Raises: OSError."""
    host, _, port = address.rpartition(":")
    try:
        family, kind, _, _, place = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.bind(place)
    except OSError as fault:
        raise OSError(f"cannot receive UDP on {address}: {fault.strerror or fault}") from fault


def private_socket(path: Path) -> socket.socket:
    """A socket that listens in the file system, in place of what an ended process left there. Raises: OSError."""
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX)
    try:
        bound.bind(str(path))
        bound.listen()
    except OSError as fault:
        bound.close()
        raise OSError(f"cannot listen on {path}: {fault.strerror or fault}") from fault
    return bound
