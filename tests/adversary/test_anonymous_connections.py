"""Connections that say nothing, half of something, or far too much: each listener has its own budget, and none takes another's."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.adversary.raw_http import exchange
from tests.aws import kms
from tests.deployment import HOME, Deployment

from meridian.cli.dev_files import HOST
from meridian.client import Client
from meridian.client.errors import KmsServiceError

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


def test_connections_beyond_the_budget_of_the_aws_wire_stop_nobody(tmp_path: Path) -> None:
    region = region_with(tmp_path, aws="connections = 16")
    try:
        client = kms(region)
        client.list_keys()
        with open_connections(region.place(HOME).aws_port, HALF_A_HEAD, 100) as connections:
            require_everybody_is_served(region)
            client.list_keys()
            assert still_open(connections) <= 16
            metrics = region.metrics(HOME)
            assert metrics['meridian_http_connections{listener="aws"}'] <= 16
            given_up = 'meridian_http_connections_over_budget_total{listener="aws",what="given_up"}'
            assert metrics[given_up] >= 84
    finally:
        region.stop_all()


@pytest.mark.parametrize("listener", ["grpc", "peer"])
def test_a_grpc_listener_has_a_budget_of_its_own(tmp_path: Path, listener: str) -> None:
    region = region_with(tmp_path, **{listener: "connections = 8"})
    try:
        place = region.place(HOME)
        port = place.grpc_port if listener == "grpc" else place.peer_port
        with open_connections(port, HALF_A_HANDSHAKE, 40) as connections:
            region.wait_until(lambda: still_open(connections) <= 8)
            assert ready(region)
            assert "Keys" in kms(region).list_keys()
            region.wait_until(lambda: still_open(connections) == 0, seconds=40)
        require_everybody_is_served(region)
    finally:
        region.stop_all()


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


@pytest.mark.parametrize("listener", ["aws", "admin"])
def test_the_times_of_a_listener_are_those_of_the_settings(tmp_path: Path, listener: str) -> None:
    times = {"head_seconds": HALF_A_HEAD, "idle_seconds": b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n"}
    if listener == "aws":
        times["body_seconds"] = body_of_a_known_caller
    settings = "\n".join(f"{name} = 1.0" for name in times)
    region = region_with(tmp_path, **{listener: settings})
    try:
        port = region.place(HOME).aws_port if listener == "aws" else region.place(HOME).admin_port
        for sent in times.values():
            data = sent if isinstance(sent, bytes) else sent(region)
            with open_connections(port, data, 1) as connections:
                begun = time.monotonic()
                region.wait_until(lambda held=connections: still_open(held) == 0)  # type: ignore[misc]
                assert time.monotonic() - begun < 8  # the defaults are ten seconds and more
    finally:
        region.stop_all()


def body_of_a_known_caller(region: Deployment) -> bytes:
    """All but the last byte of a request that begins well."""
    from tests.adversary.raw_http import as_bytes, signed_headers

    return as_bytes(signed_headers(region, "ListKeys", b"{}"), b"{")


def test_a_trusted_proxy_names_the_caller(tmp_path: Path) -> None:
    from tests.adversary.raw_http import post, signed_headers

    region = region_with(tmp_path, aws='trusted_proxies = ["127.0.0.0/8", "10.0.0.0/8"]')
    try:
        headers = signed_headers(region, "ListKeys", b"{}")
        assert post(region, [*headers, ("X-Forwarded-For", "1.1.1.1, ::ffff:198.51.100.7, 10.1.1.1")], b"{}")[0] == 200
        assert region.audit(HOME)[-1]["sourceIPAddress"] == "198.51.100.7"
        status, answer = post(region, [*headers, ("X-Forwarded-For", "someone")], b"{}")
        assert (status, answer["__type"]) == (400, "SerializationException")
    finally:
        region.stop_all()


def test_the_admin_listener_keeps_its_budget(tmp_path: Path) -> None:
    region = region_with(tmp_path, admin="connections = 8")
    try:
        with open_connections(region.place(HOME).admin_port, HALF_A_HEAD, 50) as connections:
            assert ready(region)
            assert still_open(connections) <= 8
            status, _ = exchange(region.place(HOME).admin_port, b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n")
            assert status == 200
    finally:
        region.stop_all()


def test_open_files_are_raised_to_the_hard_limit_and_told(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        region = region_with(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        limits = Path(f"/proc/{region.processes[HOME].pid}/limits").read_text()
        (line,) = [line.split() for line in limits.splitlines() if line.startswith("Max open files")]
        assert line[3] == line[4] == str(hard)
        told = (region.place(HOME).folder / "log").read_text()
        assert f'"limit": {hard}, "was": 512, "event": "open files"' in told
    finally:
        region.stop_all()


def test_too_few_open_files_cut_every_budget_and_are_told(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, [HOME]).prepare()
    deployment.start(environment={"PATH": os.environ["PATH"]})
    pid = deployment.processes[HOME].pid
    try:
        assert "too few open files" not in (deployment.place(HOME).folder / "log").read_text()
        assert pid
    finally:
        deployment.stop_all()
    assert KmsServiceError
