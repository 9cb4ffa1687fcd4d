"""Connections that say nothing, half of something, or far too much: each listener has its own budget, and none takes another's."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.adversary.raw_http import as_bytes, post, signed_headers
from tests.aws import kms
from tests.deployment import HOME, Deployment

from meridian.cli.region_place import HOST
from meridian.client import Client

pytestmark = pytest.mark.timeout(180)

HALF_A_HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: TrentService.Encrypt\r\n"
HALF_A_HANDSHAKE = b"\x16\x03\x01\x02\x00"
MANY = 1100


def region_with(folder: Path, **replaced: str) -> Deployment:
    """A Region of its own; `aws="connections = 8"` puts a line into the table of that name."""
    deployment = Deployment(folder, [HOME]).prepare()
    settings = deployment.place(HOME).settings
    text = settings.read_text()
    for table, lines in replaced.items():
        text = text.replace(f"[{table}]\n", f"[{table}]\n{lines}\n")
    settings.write_text(text)
    deployment.start()
    return deployment


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One Region with every bound as it comes."""
    deployment = region_with(tmp_path_factory.mktemp("crowded"))
    try:
        yield deployment
    finally:
        deployment.stop_all()


@pytest.fixture(scope="module", autouse=True)
def _open_files() -> Iterator[None]:
    """This process holds the other end of every connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def open_connections(port: int, sent: bytes, count: int) -> Iterator[list[socket.socket]]:
    """So many connections that say this and no more."""
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection((HOST, port), timeout=20))
            with contextlib.suppress(ConnectionError):
                connection.sendall(sent)
            connections.append(connection)
        yield connections


def still_open(connections: list[socket.socket]) -> int:
    count = 0
    for connection in connections:
        connection.setblocking(False)
        try:
            while connection.recv(65536):
                pass
        except BlockingIOError:
            count += 1
        except OSError:
            continue
    return count


def require_everybody_is_served(region: Deployment) -> None:
    """On new connections of every listener."""
    with Client(region.endpoint(HOME, "developer")) as client:
        client.list_keys()
    assert "Keys" in kms(region).list_keys()
    assert ready(region)


def ready(region: Deployment) -> bool:
    url = f"http://{HOST}:{region.place(HOME).admin_port}/readyz"
    with urllib.request.urlopen(url, timeout=20) as answer:
        return bool(answer.read() == b"ok\n")


@pytest.mark.deep
@pytest.mark.parametrize("listener", ["aws", "admin", "grpc", "peer"])
def test_half_open_connections_stop_nobody(region: Deployment, listener: str) -> None:
    place = region.place(HOME)
    port = {"aws": place.aws_port, "admin": place.admin_port, "grpc": place.grpc_port, "peer": place.peer_port}[listener]
    sent = HALF_A_HEAD if listener in ("aws", "admin") else HALF_A_HANDSHAKE
    with Client(region.endpoint(HOME, "developer")) as before:
        before.list_keys()
        with open_connections(port, sent, MANY) as connections:
            before.list_keys()
            require_everybody_is_served(region)
            if listener in ("aws", "admin"):
                assert region.metrics(HOME)[f'meridian_http_connections{{listener="{listener}"}}'] <= (2048 if listener == "aws" else 64)
            region.wait_until(lambda: still_open(connections) == 0, seconds=40)
        before.list_keys()


def test_a_flood_of_headers_stays_out_of_memory(region: Deployment) -> None:
    place = region.place(HOME)
    status = Path(f"/proc/{region.processes[HOME].pid}/status")

    def peak_kib() -> int:
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))

    kms(region).list_keys()
    before = peak_kib()
    for port in (place.aws_port, place.admin_port):
        for pattern in (b"A: " + b"b" * 1_000_000, b"".join(b"A%d: b\r\n" % number for number in range(100_000)), b"\r\n" * 500_000):
            sent = 0
            with socket.create_connection((HOST, port), timeout=20) as connection:
                connection.sendall(b"" if pattern.startswith(b"\r") else HALF_A_HEAD)
                with pytest.raises(OSError, match=r"reset|pipe"):
                    while sent < 100_000_000:
                        connection.sendall(pattern)
                        sent += len(pattern)
            assert sent < 20_000_000
    assert peak_kib() - before < 30_000


@pytest.mark.deep
def test_dropped_and_refused_connections_leave_no_line_in_the_log(region: Deployment) -> None:
    place = region.place(HOME)
    log = place.folder / "log"
    before = log.read_bytes()
    for port in (place.aws_port, place.admin_port):
        for sent in (b"", HALF_A_HEAD, HALF_A_HEAD + b"Content-Length: 100\r\n\r\n{", b"\x00\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
            for _ in range(10):
                with socket.create_connection((HOST, port), timeout=20) as connection:
                    connection.sendall(sent)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    require_everybody_is_served(region)
    time.sleep(1.5)
    assert log.read_bytes() == before


SMALL = {
    "aws": 'connections = 16\nhead_seconds = 2.0\nbody_seconds = 2.0\nidle_seconds = 2.0\ntrusted_proxies = ["127.0.0.0/8", "10.0.0.0/8"]',
    "admin": "connections = 8\nhead_seconds = 2.0\nidle_seconds = 2.0",
    "grpc": "connections = 8",
    "peer": "connections = 8",
}


@pytest.fixture(scope="module")
def small_region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One Region whose every bound is another than as it comes, started with few open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        deployment = region_with(tmp_path_factory.mktemp("small"), **SMALL)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        yield deployment
    finally:
        deployment.stop_all()


@pytest.mark.parametrize(("listener", "budget"), [("aws", 16), ("admin", 8)])
def test_newcomers_are_served_whatever_is_held_open(small_region: Deployment, listener: str, budget: int) -> None:
    place = small_region.place(HOME)
    port = place.aws_port if listener == "aws" else place.admin_port
    given_up = f'meridian_http_connections_over_budget_total{{listener="{listener}",what="given_up"}}'
    before = small_region.metrics(HOME)[given_up]
    client = kms(small_region)
    client.list_keys()
    with open_connections(port, HALF_A_HEAD, 100) as connections:
        require_everybody_is_served(small_region)
        client.list_keys()
        assert still_open(connections) <= budget
        metrics = small_region.metrics(HOME)
        assert metrics[f'meridian_http_connections{{listener="{listener}"}}'] <= budget
        assert metrics[given_up] - before >= 100 - budget


@pytest.mark.deep
@pytest.mark.parametrize("listener", ["grpc", "peer"])
def test_a_grpc_listener_has_a_budget_of_its_own(small_region: Deployment, listener: str) -> None:
    place = small_region.place(HOME)
    port = place.grpc_port if listener == "grpc" else place.peer_port
    with open_connections(port, HALF_A_HANDSHAKE, 40) as connections:
        small_region.wait_until(lambda: still_open(connections) <= 8)
        assert ready(small_region)
        assert "Keys" in kms(small_region).list_keys()
        small_region.wait_until(lambda: still_open(connections) == 0, seconds=40)
    require_everybody_is_served(small_region)


def body_of_a_known_caller(region: Deployment) -> bytes:
    """All but the last byte of a request that begins well."""
    return as_bytes(signed_headers(region, "ListKeys", b"{}"), b"{")


@pytest.mark.deep
@pytest.mark.parametrize("listener", ["aws", "admin"])
@pytest.mark.parametrize("setting", ["head_seconds", "body_seconds", "idle_seconds"])
def test_the_times_of_a_listener_are_those_of_the_settings(
    region: Deployment, small_region: Deployment, listener: str, setting: str
) -> None:
    if (listener, setting) == ("admin", "body_seconds"):
        return  # no body is ever wanted there
    for served, ends in ((small_region, True), (region, False)):
        place = served.place(HOME)
        port = place.aws_port if listener == "aws" else place.admin_port
        sent = {"head_seconds": HALF_A_HEAD, "idle_seconds": b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n"}
        data = sent[setting] if setting in sent else body_of_a_known_caller(served)
        with open_connections(port, data, 1) as connections:
            begun = time.monotonic()
            while time.monotonic() - begun < 6 and still_open(connections):
                time.sleep(0.1)
            assert bool(still_open(connections)) is not ends


@pytest.mark.deep
def test_only_a_trusted_proxy_names_the_caller(region: Deployment, small_region: Deployment) -> None:
    named = [("X-Forwarded-For", "1.1.1.1, ::ffff:198.51.100.7, 10.1.1.1")]
    for served, address in ((small_region, "198.51.100.7"), (region, "127.0.0.1")):
        assert post(served, [*signed_headers(served, "ListKeys", b"{}"), *named], b"{}")[0] == 200
        assert served.audit(HOME)[-1]["sourceIPAddress"] == address
    headers = [*signed_headers(small_region, "ListKeys", b"{}"), ("X-Forwarded-For", "someone")]
    status, answer = post(small_region, headers, b"{}")
    assert (status, answer["__type"]) == (400, "SerializationException")


@pytest.mark.deep
def test_open_files_are_raised_to_the_hard_limit_and_told(small_region: Deployment) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = Path(f"/proc/{small_region.processes[HOME].pid}/limits").read_text()
    (line,) = [line.split() for line in limits.splitlines() if line.startswith("Max open files")]
    assert line[3] == line[4] == str(hard)
    told = (small_region.place(HOME).folder / "log").read_text()
    assert f'"limit": {hard}, "was": 512, "event": "open files"' in told
    assert "too few open files" not in told


@pytest.mark.deep
def test_too_few_open_files_cut_every_budget_and_are_told(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, [HOME]).prepare()
    place = deployment.place(HOME)
    serve = [sys.executable, "-m", "meridian", "serve", "--config", str(place.settings), "--allow-file-seal"]
    with (place.folder / "log").open("ab") as log:
        limited = ["sh", "-c", 'ulimit -n 600 && exec "$0" "$@"', *serve]
        deployment.processes[HOME] = subprocess.Popen(limited, stdout=subprocess.PIPE, stderr=log)
    try:
        out = deployment.processes[HOME].stdout
        assert out is not None
        assert out.readline().startswith(b"ready")
        lines = map(json.loads, (place.folder / "log").read_text().splitlines())
        (told,) = [line for line in lines if line["event"].startswith("too few open files")]
        assert told["open_files"] == 600
        assert sum(told["given"].values()) <= 600 - 256
        with open_connections(place.aws_port, HALF_A_HEAD, 300), open_connections(place.grpc_port, HALF_A_HANDSHAKE, 300):
            assert ready(deployment)
            assert "Keys" in kms(deployment).list_keys()
    finally:
        deployment.stop_all()
