"""Somebody opens connections to the gRPC listener again and again, known or not: others still come in, and operators hear who it is."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.deployment import HOME, Deployment

from meridian.cli.region_place import HOST
from meridian.client import Client

CONNECTIONS = 400
AT_ONCE, PAUSE_SECONDS = 25, 0.05
"""New ones of the unknown caller: five hundred a second, so that he fills what the listener has within the first look."""
OF_KNOWN = 64
"""Connections of the listener whose greedy caller is known."""
SECONDS = 15.0
HONEST_SECONDS_MAX = 10.0
"""For a call on a new connection, where the first look comes after five seconds."""
ELSEWHERE = "127.0.0.2"
EVENT = "CallerConnectionClosed"
HALF_A_HANDSHAKE = b"\x16\x03\x01\x02\x00"
KNOWN = "developer"
pytestmark = [pytest.mark.deep, pytest.mark.timeout(240)]

Greed = Callable[[Deployment, threading.Event], None]


def _has_ended(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(65536) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def hold_unknown(deployment: Deployment, done: threading.Event) -> None:
    """Connections of another address that begin to say who they are."""
    held: list[socket.socket] = []
    while not done.wait(PAUSE_SECONDS):
        for each in [each for each in held if _has_ended(each)]:
            each.close()
            held.remove(each)
        for _ in range(min(AT_ONCE, 2 * CONNECTIONS - len(held))):
            port = deployment.place(HOME).grpc_port
            with contextlib.suppress(OSError):
                held.append(socket.create_connection((HOST, port), timeout=2, source_address=(ELSEWHERE, 0)))
                held[-1].sendall(HALF_A_HANDSHAKE)
    for each in held:
        each.close()


def hold_known(deployment: Deployment, done: threading.Event) -> None:
    """Connections of one caller, each of which calls."""
    endpoint = deployment.endpoint(HOME, KNOWN)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(endpoint)) for _ in range(2 * OF_KNOWN)]
        while not done.is_set():
            for client in clients:
                if not done.is_set():
                    with contextlib.suppress(Exception):
                        client.list_aliases(timeout=1)


@contextmanager
def greedy(greed: Greed, deployment: Deployment) -> Iterator[None]:
    done = threading.Event()
    thread = threading.Thread(target=greed, args=(deployment, done))
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(60)


@pytest.mark.parametrize(("greed", "connections"), [(hold_unknown, CONNECTIONS), (hold_known, OF_KNOWN)], ids=["unknown", "known"])
def test_who_connects_again_and_again_keeps_no_other_out(tmp_path: Path, greed: Greed, connections: int) -> None:
    deployment = Deployment(tmp_path, [HOME]).prepare()
    settings = deployment.place(HOME).settings
    settings.write_text(settings.read_text().replace("[grpc]\n", f"[grpc]\nconnections = {connections}\n"))
    try:
        deployment.start()
        with deployment.client() as before:
            key_id = before.create_key().key_metadata.key_id
            with greedy(greed, deployment):
                deployment.wait_until(lambda: _closed(deployment) > 0, seconds=30)
                until, slowest = time.monotonic() + SECONDS, 0.0
                while time.monotonic() < until:
                    begun = time.monotonic()
                    with deployment.client() as alice:
                        alice.describe_key(key_id=key_id)
                    slowest = max(slowest, time.monotonic() - begun)
                    before.describe_key(key_id=key_id)
        assert slowest < HONEST_SECONDS_MAX
        told = [r["serviceEventDetails"]["subject"] for r in deployment.audit(HOME) if r["eventName"] == EVENT]
        assert {subject.rpartition("/")[2] for subject in told} == {KNOWN if greed is hold_known else ELSEWHERE}
    finally:
        deployment.stop_all()


def _closed(deployment: Deployment) -> float:
    return deployment.metrics(HOME).get(f'meridian_security_events_total{{event="{EVENT}"}}', 0.0)
