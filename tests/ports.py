"""Ports for Regions and servers under test: each is given once, however many test processes run on this machine.

A Region is told its port long before it listens, and again after each restart. A port of the system's own choice may by then belong
to an outgoing connection, and one that is free now may be promised to a neighbour. So these lie below the system's range and below that
in which `meridian dev` and `meridian.testing` look for ports of their own, and a file that every test process locks tells where the next
ones begin.
"""

from __future__ import annotations

import fcntl
import getpass
import socket
import tempfile
from pathlib import Path

from meridian.cli.region_place import HOST

FIRST, AFTER_LAST = 10_000, 20_000


def free_port() -> int:
    """A port that nobody listens on, and nobody else was given."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """The first of `count` such ports in a row."""
    with (Path(tempfile.gettempdir()) / f"meridian-test-ports-{getpass.getuser()}").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        first = int(file.read() or FIRST)
        while first + count > AFTER_LAST or not all(_is_free(first + n) for n in range(count)):
            first = FIRST if first + count > AFTER_LAST else first + 1
        file.truncate(0)
        file.write(str(first + count))
    return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
