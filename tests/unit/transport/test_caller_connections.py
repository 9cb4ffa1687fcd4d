"""No caller takes the connections of others, known or not: real sockets of several addresses, closed by what looks at them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest
from tests.reported_events import ReportedEvents
from tests.stepped_clock import SteppedClock

from meridian.ports.security_events import SecurityEvent
from meridian.transport import connection_shares
from meridian.transport.caller_connections import CallerConnections

MOST = 16
OF_A_CALLER, OF_AN_ADDRESS, OF_ALL_UNKNOWN = 8, 4, 6
HOST, OTHER, THIRD = "127.0.0.1", "127.0.0.2", "127.0.0.3"
ALICE, BOB = "arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:user/bob"


class Crowd:
    """A listening socket of this process, and connections to it."""

    def __init__(self) -> None:
        self.listening = socket.create_server((HOST, 0))
        self.port: int = self.listening.getsockname()[1]
        self.events, self.woken = ReportedEvents(), 0
        self.ends: list[socket.socket] = [self.listening]
        self.callers = CallerConnections(MOST, clock=SteppedClock(100.0, step=0.001), events=self.events, wake=self.wake)
        self.callers.shares.listen_on(self.port)

    def wake(self) -> None:
        self.woken += 1

    def connect(self, source: str) -> socket.socket:
        client = socket.create_connection((HOST, self.port), timeout=5, source_address=(source, 0))
        self.ends += [client, self.listening.accept()[0]]
        return client

    def call(self, client: socket.socket, arn: str) -> None:
        address, port = client.getsockname()
        self.callers.note(arn, f"ipv4:{address}:{port}")

    def called(self, source: str, arn: str) -> socket.socket:
        client = self.connect(source)
        self.call(client, arn)
        return client

    def look(self) -> bool:
        return asyncio.run(self.callers.shares.look())

    def told(self) -> list[tuple[str, str, str]]:
        assert all(event is SecurityEvent.CALLER_CONNECTION_CLOSED for event, _, _ in self.events.reported)
        return [(subject, details["address"], details["reason"]) for _, subject, details in self.events.reported]

    def close(self) -> None:
        for end in self.ends:
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


def test_an_address_of_unknown_callers_has_its_share_and_known_ones_stay(crowd: Crowd) -> None:
    known = crowd.called(HOST, ALICE)
    crowd.look()
    first = crowd.connect(HOST)
    crowd.look()
    unknown = [first, *(crowd.connect(HOST) for _ in range(OF_AN_ADDRESS + 2))]
    elsewhere = crowd.connect(OTHER)
    assert crowd.look()
    assert sum(map(is_open, unknown)) == OF_AN_ADDRESS
    assert not is_open(first), "the one that has been silent for longest is among them"
    assert is_open(known)
    assert is_open(elsewhere)
    assert crowd.told() == [(HOST, HOST, f"more than a share of {OF_AN_ADDRESS} connections")] * 3
    assert not crowd.look()


def test_unknown_callers_of_many_addresses_have_one_share_together(crowd: Crowd) -> None:
    unknown = [crowd.connect(source) for source in (HOST, OTHER, THIRD) for _ in range(3)]
    known = crowd.called(THIRD, ALICE)
    assert crowd.look()
    assert sum(map(is_open, unknown)) == OF_ALL_UNKNOWN
    assert is_open(known)
    assert {reason for _, _, reason in crowd.told()} == {f"more than a share of {OF_ALL_UNKNOWN} connections"}


def test_a_known_caller_has_one_share_wherever_he_comes_from(crowd: Crowd) -> None:
    greedy = [crowd.called(source, ALICE) for source in (HOST, OTHER) for _ in range(5)]
    other = crowd.called(HOST, BOB)
    assert crowd.woken, "looked at without waiting"
    crowd.call(greedy[0], ALICE)
    assert crowd.look()
    assert [is_open(client) for client in greedy] == [True, False, False, *[True] * 7]
    assert is_open(other)
    assert {(subject, reason) for subject, _, reason in crowd.told()} == {(ALICE, f"more than a share of {OF_A_CALLER} connections")}


def test_many_known_callers_behind_one_address_have_all_connections(crowd: Crowd) -> None:
    behind = [crowd.called(HOST, f"{ALICE}-{number}") for number in range(MOST)]
    assert not crowd.look()
    assert all(map(is_open, behind))
    assert not crowd.told()


def test_what_a_greedy_caller_and_all_unknown_ones_may_have_leaves_room() -> None:
    for connections in (8, 16, 100, 4096):
        callers = CallerConnections(connections, clock=SteppedClock(), events=ReportedEvents(), wake=lambda: None)
        assert callers.caller_share + callers._unknown.most < connections
        assert callers.address_share <= callers._unknown.most


def test_both_kinds_are_counted(crowd: Crowd) -> None:
    crowd.connect(HOST)
    crowd.called(OTHER, ALICE)
    crowd.look()
    assert {s.labels["caller"]: s.value for family in crowd.callers.collect() for s in family.samples} == {"known": 1, "unknown": 1}
    for end in crowd.ends[1:]:
        end.close()
    crowd.look()
    assert {s.labels["caller"]: s.value for family in crowd.callers.collect() for s in family.samples} == {"known": 0, "unknown": 0}
    assert not crowd.callers.shares._counts
