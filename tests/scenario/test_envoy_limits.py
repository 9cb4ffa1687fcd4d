"""Envoy's limits on connections, streams, ages and times, each driven past its end; long times are made short beforehand."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import grpc
import pytest
from tests.adversary.raw_http import as_bytes, connect, post, signed_headers
from tests.adversary.raw_http2 import RST, WINDOW_MAX, UnfinishedCalls, UnreadAnswers
from tests.contract.fronts import RANDOM, Front, framed, random
from tests.deployment import HOME, Deployment
from tests.http2 import HAS_ENDED
from tests.raw_calls import raw_call

from meridian.cli.region_place import HOST
from meridian.client.errors import KmsServiceError
from meridian.contract.catalog import served_rpcs
from meridian.domain.limits import Limits
from meridian.transport.envoy.arriving import WAITING_BYTES
from meridian.transport.envoy.http_manager import STREAMS
from meridian.transport.http1.connection import ARRIVING_BYTES_MAX

pytestmark = [pytest.mark.deep, pytest.mark.timeout(240)]

GET_POLICY = served_rpcs()["GetKeyPolicy"]
FILLING = ARRIVING_BYTES_MAX // WAITING_BYTES // STREAMS + 1
"""Connections whose requests, waiting, take more than may arrive."""
CONNECTIONS = 5 * FILLING
"""A fourth may come from one address; what is more is closed, and its requests do not wait."""
KEPT_BY_THE_KERNEL = int(Path("/proc/sys/net/ipv4/tcp_wmem").read_text().split()[2])
"""Of what one connection was sent, at most."""
KEPT_BY_ENVOY = 1 << 20
"""The bound of the front is a third of it."""
POLICY_BYTES = 32_000
UNREAD = 4 * STREAMS
PAUSE_SECONDS = 0.01
SHORT_SECONDS = 2
FILLED_SECONDS = 20.0
ANNOUNCED = 200
"""Bodies of one connection, fewer than it may have at once."""
SHORTENED = f"""
from meridian.transport.envoy import http_manager
http_manager.AGE_SECONDS = http_manager.REQUEST_SECONDS = http_manager.UNTAKEN_SECONDS = {SHORT_SECONDS}
import sys
from meridian.cli.main import main
sys.argv = ["meridian", *sys.argv[1:]]
main()
"""


def prepared(root: Path) -> Deployment:
    added = 'front.kind = "envoy"\nlimits.failed_authentications_per_minute = 0\n'
    return Deployment(root, [HOME], settings_added=added).prepare()


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Envoy with the limits that it always has, and room for few connections."""
    deployment = prepared(tmp_path_factory.mktemp("limits"))
    settings = deployment.place(HOME).settings
    settings.write_text(settings.read_text().replace("[grpc]\n", f"[grpc]\nconnections = {CONNECTIONS}\n"))
    try:
        deployment.start()
        yield Front("envoy", deployment)
    finally:
        deployment.stop_all()


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Envoy with a connection's age and a request's time made short."""
    deployment = prepared(tmp_path_factory.mktemp("hurried"))
    place = deployment.place(HOME)
    command = [sys.executable, "-c", SHORTENED, "serve", "--config", str(place.settings), "--allow-file-seal", "--processes", "1"]
    with (place.folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
    deployment.processes[HOME] = process
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"ready")
        yield Front("envoy", deployment)
    finally:
        deployment.stop_all()


def has_been_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except HAS_ENDED:
        return True
    except TimeoutError:
        return False


def is_served(front: Front) -> bool:
    with front.deployment.client(caller="app") as app:
        try:
            app.generate_random(number_of_bytes=8, timeout=5)
        except KmsServiceError:
            return False
    return True


def test_a_connection_beyond_the_budget_is_closed_at_once_and_room_comes_back(front: Front) -> None:
    held = [socket.create_connection((HOST, front.port), timeout=5) for _ in range(CONNECTIONS)]
    try:
        with socket.create_connection((HOST, front.port), timeout=5) as beyond:
            assert has_been_closed(beyond)
        assert not is_served(front)
        for each in held:
            each.setblocking(False)
            with pytest.raises(BlockingIOError):
                each.recv(1)
    finally:
        for each in held:
            each.close()
    front.deployment.wait_until(lambda: is_served(front))


@pytest.mark.parametrize("beyond", [0, 1])
def test_so_many_calls_a_connection_has_at_once_and_one_more_ends_it(front: Front, beyond: int) -> None:
    """Who keeps to HTTP/2 has heard of the number before he calls."""
    root, sent = front.deployment.root, 0
    unfinished = UnfinishedCalls((HOST, front.port), root / "clients" / "app", front.authority, RANDOM.path, STREAMS + beyond)
    try:
        until = time.monotonic() + FILLED_SECONDS
        while time.monotonic() < until and not unfinished.is_closed and not (unfinished.began == STREAMS and sent == unfinished.bytes > 0):
            sent = unfinished.bytes
            unfinished.go_on()
        assert unfinished.is_closed is bool(beyond)
        assert unfinished.began == STREAMS + beyond
    finally:
        unfinished.close()


def announced(front: Front, length: int) -> list[tuple[str, str]]:
    """The head of a request whose signature does not hold: whoever has seen the id of an access key can write it."""
    signed = dict(signed_headers(front.deployment, "ListKeys", b"{}")) | {"Content-Length": str(length)}
    named = [(name.lower(), value) for name, value in signed.items() if name.lower() != "host"]
    return [(":method", "POST"), (":scheme", "https"), (":path", "/"), (":authority", HOST), *named]


def test_bodies_that_are_announced_and_never_come_keep_no_call_out(front: Front) -> None:
    length, body = Limits().request_bytes, b"{}"
    with contextlib.ExitStack() as held:
        for _ in range(ARRIVING_BYTES_MAX // length // ANNOUNCED + 1):
            connection = held.enter_context(front.http2(None))
            for _ in range(ANNOUNCED):
                connection.begin(announced(front, length), body[:1])
        answered = [post(front.deployment, signed_headers(front.deployment, "ListKeys", body), body) for _ in range(5)]
    assert [status for status, _ in answered] == [200] * 5


def gave_way(front: Front) -> float:
    """Nobody is told when his request gave way, and a busy Region has not read all that was sent when it answers another."""
    return front.deployment.metrics(HOME)['meridian_http_requests_overloaded_total{listener="grpc"}']


def test_requests_that_give_way_leave_no_trace_of_their_waiting_in_the_log(front: Front) -> None:
    """Whoever can open connections could else write there."""
    log = front.deployment.place(HOME).folder / "log"
    before = log.stat().st_size
    with contextlib.ExitStack() as held:
        for _ in range(FILLING):
            connection = held.enter_context(front.http2(None))
            for _ in range(STREAMS):
                connection.begin(announced(front, 1000), b"{")
        assert post(front.deployment, signed_headers(front.deployment, "ListKeys", b"{}"), b"{}")[0] == 200
        front.deployment.wait_until(lambda: gave_way(front) > 0)
    time.sleep(1)
    assert b"Exception in callback" not in log.read_bytes()[before:]


def test_a_connection_of_its_age_is_told_to_end_and_loses_no_call(hurried: Front) -> None:
    secured, body, goes_on = ssl.create_default_context(cafile=str(hurried.authority)), b"{}", True
    begun = time.monotonic()
    with connect(hurried.port, secured) as connection:
        while goes_on:
            connection.sendall(as_bytes(signed_headers(hurried.deployment, "ListKeys", body), body))
            answer = HTTPResponse(connection)
            answer.begin()
            answer.read()
            assert answer.status == 200
            goes_on = answer.getheader("connection") != "close"
            assert time.monotonic() - begun < 30, "it goes on"
        assert time.monotonic() - begun > SHORT_SECONDS / 2, "Envoy counts in its own milliseconds"
        assert has_been_closed(connection)
    endpoint, seen = hurried.deployment.endpoint(HOME, "app"), 0
    with grpc.secure_channel(endpoint.target, endpoint.credentials, options=[("grpc.enable_retries", 0)]) as channel:
        while time.monotonic() - begun < 4 * SHORT_SECONDS:
            raw_call(channel, RANDOM.path)(random(), timeout=20)
            seen += 1
    assert seen > 1


def test_a_request_that_does_not_arrive_in_its_time_is_answered_408(hurried: Front) -> None:
    body = b" " * 1000
    secured = ssl.create_default_context(cafile=str(hurried.authority))
    with connect(hurried.port, secured) as connection:
        connection.sendall(as_bytes(signed_headers(hurried.deployment, "ListKeys", body), body[:1]))
        assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")


def long_answer(front: Front) -> tuple[str, bytes]:
    """(path, request) of a call whose answer is long: the policy of a key."""
    text = '@id("p") @layer("key") @reason("r") permit (principal in KMS::Account::"111122223333", action, resource);//'
    with front.deployment.client() as alice:
        key_id = alice.create_key().key_metadata.key_id
        alice.put_key_policy(key_id=key_id, policy=text + "x" * (POLICY_BYTES - len(text)))
    return GET_POLICY.path, framed(GET_POLICY.request_class(key_id=key_id).SerializeToString())


def test_answers_that_are_not_read_wait_with_their_calls_and_then_no_call_is_answered(front: Front) -> None:
    """Each holds one of the calls that a connection may have at once; the connection itself holds the kernel's room and a little more."""
    root, (path, body) = front.deployment.root, long_answer(front)
    unread = UnreadAnswers((HOST, front.port), root / "clients" / "alice", front.authority, WINDOW_MAX)
    try:
        with contextlib.suppress(OSError):
            while unread.begun < UNREAD:
                unread.call(path, body)
                time.sleep(PAUSE_SECONDS)
        assert is_served(front)
        answered = front.deployment.metrics(HOME)['meridian_calls_total{operation="GetKeyPolicy",outcome="ok"}']
    finally:
        unread.close()
    assert answered * POLICY_BYTES < KEPT_BY_THE_KERNEL + KEPT_BY_ENVOY + STREAMS * POLICY_BYTES < unread.begun * POLICY_BYTES


def test_an_answer_that_its_caller_does_not_take_waits_so_long_and_no_longer(hurried: Front) -> None:
    root, (path, body) = hurried.deployment.root, long_answer(hurried)
    unread = UnreadAnswers((HOST, hurried.port), root / "clients" / "alice", hurried.authority, 0)
    try:
        unread.call(path, body)
        assert (RST, 1) in {(kind, stream) for kind, _, stream in unread.read(FILLED_SECONDS)}
    finally:
        unread.close()
