"""No Region takes the connections of the others, nor does who calls on none: real sockets, closed by what looks at them."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.reported_events import ReportedEvents
from tests.stepped_clock import SteppedClock

from meridian.ports.security_events import SecurityEvent
from meridian.transport import connection_shares, open_sockets
from meridian.transport.open_sockets import Far, close_connections, far_end, far_ends
from meridian.transport.peer_connections import CALL_SECONDS, PeerConnections

REGIONS = {"spiffe://x/hostile": "ca-central-1", "spiffe://x/honest": "eu-west-1"}
HOST = "127.0.0.1"
MOST = 12
SHARE = 4


class Crowd:
    """A listening socket of this process, and connections to it, both ends of which are here."""

    def __init__(self) -> None:
        self.listening = socket.create_server((HOST, 0))
        self.port: int = self.listening.getsockname()[1]
        self.ends: list[tuple[socket.socket, socket.socket]] = []
        self.clock, self.events, self.woken = SteppedClock(100.0, step=0.001), ReportedEvents(), 0
        self.connections = PeerConnections(REGIONS, MOST, clock=self.clock, events=self.events, wake=self.wake)
        self.connections.shares.listen_on(self.port)

    def wake(self) -> None:
        self.woken += 1

    def connect(self) -> socket.socket:
        client = socket.create_connection((HOST, self.port), timeout=5)
        self.ends.append((client, self.listening.accept()[0]))
        return client

    def call(self, client: socket.socket, name: str) -> None:
        self.connections.note(f"spiffe://x/{name}", f"ipv4:{HOST}:{client.getsockname()[1]}")

    def look(self) -> bool:
        return asyncio.run(self.connections.shares.look())

    def counts(self) -> dict[str, float]:
        return {sample.labels["region"]: sample.value for family in self.connections.collect() for sample in family.samples}

    def close(self) -> None:
        for end in (self.listening, *(end for pair in self.ends for end in pair)):
            end.close()


def is_open(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crowd]:
    monkeypatch.setattr(connection_shares, "CROWDED_SECONDS", 0.0)
    with contextlib.closing(Crowd()) as made:
        yield made


def test_a_region_keeps_its_share_and_the_longest_silent_of_its_connections_end(crowd: Crowd) -> None:
    honest = crowd.connect()
    crowd.call(honest, "honest")
    hostile = [crowd.connect() for _ in range(SHARE + 3)]
    for client in hostile:
        crowd.call(client, "hostile")
    crowd.call(hostile[0], "hostile")
    assert crowd.woken, "looked at without waiting"
    assert crowd.look()
    assert [is_open(client) for client in hostile] == [True, False, False, False, *[True] * (SHARE - 1)]
    assert is_open(honest)
    assert crowd.counts() == {"": 0, "ca-central-1": SHARE, "eu-west-1": 1}
    told = (SecurityEvent.PEER_CONNECTION_CLOSED, "ca-central-1", {"address": HOST, "reason": f"more than a share of {SHARE} connections"})
    assert crowd.events.reported == [told] * 3
    assert not crowd.look()


def test_connections_that_carry_no_call_have_one_share_and_some_seconds(crowd: Crowd) -> None:
    silent = [crowd.connect() for _ in range(SHARE + 2)]
    honest = crowd.connect()
    crowd.call(honest, "honest")
    assert crowd.look()
    assert sum(map(is_open, silent)) == SHARE
    assert crowd.counts()[""] == SHARE
    assert not crowd.look(), "who connects has some seconds to call"
    crowd.clock.seconds += CALL_SECONDS
    crowd.call(honest, "nobody that is configured")
    assert crowd.look()
    assert not any(map(is_open, silent))
    assert is_open(honest), "a Region that called once may rest"
    assert {(subject, details["reason"]) for _, subject, details in crowd.events.reported} == {
        (HOST, f"more than a share of {SHARE} connections"),
        (HOST, "no call"),
    }


def test_a_call_while_the_connections_are_looked_at_is_not_forgotten(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_before(port: int) -> set[Far]:
        found = far_ends(port)
        crowd.call(crowd.connect(), "honest")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(connection_shares, "far_ends", look_before)
        crowd.look()
    crowd.clock.seconds += CALL_SECONDS * 2
    assert not crowd.look()
    assert crowd.counts() == {"": 0, "ca-central-1": 0, "eu-west-1": 1}


def test_looking_keeps_no_file_open_and_closes_nothing_else(crowd: Crowd) -> None:
    clients = [crowd.connect() for _ in range(3)]
    other = socket.create_server((HOST, 0))
    beside = socket.create_connection(other.getsockname(), timeout=5)
    pipe = os.pipe()
    before = len(os.listdir("/dev/fd"))
    ends = {Far(HOST, client.getsockname()[1]) for client in clients}
    assert far_ends(crowd.port) == ends
    close_connections(crowd.port, {Far(HOST, clients[0].getsockname()[1]), Far(HOST, beside.getsockname()[1])})
    assert len(os.listdir("/dev/fd")) == before
    assert [is_open(client) for client in clients] == [False, True, True]
    assert is_open(beside)
    for end in (other, beside):
        end.close()
    for descriptor in pipe:
        os.close(descriptor)


def test_looking_ends_no_lock_on_a_file(crowd: Crowd, tmp_path: Path) -> None:
    """A process that closes any descriptor of a file ends its locks on that file, as SQLite's on the database."""
    crowd.connect()
    path = tmp_path / "locked"
    ask = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    with path.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        assert len(far_ends(crowd.port)) == 1
        close_connections(crowd.port, far_ends(crowd.port))
        asked = subprocess.run([sys.executable, "-c", ask, str(path)], capture_output=True, check=False)
        assert b"BlockingIOError" in asked.stderr


def given_to(monkeypatch: pytest.MonkeyPatch, other: int) -> None:
    """What the next descriptor to be copied was looked at as is closed meanwhile, and its number given to something else."""
    copy = os.dup

    def dup(descriptor: int) -> int:
        monkeypatch.setattr(os, "dup", copy)
        os.dup2(other, descriptor)
        return copy(descriptor)

    monkeypatch.setattr(os, "dup", dup)


def locked_by_us(path: Path) -> bool:
    ask = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    return b"BlockingIOError" in subprocess.run([sys.executable, "-c", ask, str(path)], capture_output=True, check=False).stderr


def test_a_number_that_a_file_takes_meanwhile_costs_no_lock_and_stays_open_no_longer_than_the_file(
    crowd: Crowd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = crowd.connect()
    taken = crowd.ends[0][1].fileno()
    path = tmp_path / "locked"
    before = len(os.listdir("/dev/fd"))
    with path.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        given_to(monkeypatch, file.fileno())
        close_connections(crowd.port, far_ends(crowd.port))
        assert locked_by_us(path)
        close_connections(crowd.port, set())
        assert locked_by_us(path), "while it is open elsewhere"
        os.dup2(client.fileno(), taken)  # who had the file under that number closes it
    close_connections(crowd.port, set())
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.parametrize("other", ["pipe", "socket"])
def test_what_takes_a_number_meanwhile_is_neither_ended_nor_kept_open(crowd: Crowd, monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    crowd.connect()
    reading, writing = (
        socket.socketpair() if other == "socket" else (os.fdopen(end, mode) for end, mode in zip(os.pipe(), "rw", strict=True))
    )
    before = len(os.listdir("/dev/fd"))
    given_to(monkeypatch, reading.fileno())
    close_connections(crowd.port, far_ends(crowd.port))
    assert len(os.listdir("/dev/fd")) == before
    os.write(writing.fileno(), b"still open")
    assert os.read(reading.fileno(), 10) == b"still open"
    for end in (reading, writing):
        end.close()


def test_copies_of_files_are_bounded(crowd: Crowd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_sockets, "COPIES_KEPT_MAX", 2)
    with (tmp_path / "file").open("w") as file:
        for _ in range(2):
            crowd.connect()
            given_to(monkeypatch, file.fileno())
            close_connections(crowd.port, far_ends(crowd.port))
        honest = crowd.connect()
        with pytest.raises(OSError, match="too many copies"):
            close_connections(crowd.port, far_ends(crowd.port))
        assert is_open(honest)
        for _, end in crowd.ends[:2]:
            end.close()
    close_connections(crowd.port, far_ends(crowd.port))
    assert not is_open(honest)


@pytest.mark.parametrize(
    ("peer", "far"),
    [
        ("ipv4:127.0.0.1:1234", Far("127.0.0.1", 1234)),
        ("ipv6:%5B::1%5D:1234", Far("::1", 1234)),
        ("ipv6:%5B::ffff:10.0.0.1%5D:1", Far("10.0.0.1", 1)),
        ("unix:/a:1", None),
        ("ipv4:127.0.0.1:", None),
        ("", None),
    ],
)
def test_far_ends_are_read_as_grpc_writes_them(peer: str, far: Far | None) -> None:
    assert far_end(peer) == far
