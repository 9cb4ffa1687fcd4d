"""Minutes of churn before Envoy: connections opened and cut, calls given up and past their deadline, garbage, certificates renewed, beside
honest callers whose every call is answered and recorded. `MERIDIAN_CHURN_MINUTES` says how many."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.deployment import HOME, Deployment
from tests.http2 import Http2, grpc_head

from meridian.cli.exit_codes import OK
from meridian.cli.private_files import write_private
from meridian.cli.region_place import HOST
from meridian.contract.catalog import served_rpcs
from meridian.crypto.certificates import CertificateFiles, new_leaf

MINUTES = float(os.environ.get("MERIDIAN_CHURN_MINUTES", "0.5"))
pytestmark = [pytest.mark.deep, pytest.mark.timeout(240 + 60 * MINUTES)]

HONEST, HASTY, RENEW_SECONDS = 4, 4, 5.0
SETTLED = 0.5
"""Of the time, after which memory is looked at for the first time."""
GROWTH_MAX = 0.05
"""Of memory, from then to the end; on a quiet machine and over ten minutes it is 0.02."""
RANDOM = served_rpcs()["GenerateRandom"]
REQUEST = bytes(RANDOM.request_class(number_of_bytes=8).SerializeToString())
FRAME = b"\0" + len(REQUEST).to_bytes(4, "big") + REQUEST
NOT_HTTP = [b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 64, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]


class Churn:
    """Threads that go on until they are told to end, and what they met."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.port = deployment.place(HOME).grpc_port
        self.ended = threading.Event()
        self.seen = Counter[str]()
        self.faults: list[str] = []
        self._threads: list[threading.Thread] = []

    def begin(self, *works: Callable[[], None]) -> None:
        for work in works:
            self._threads.append(threading.Thread(target=self._go_on, args=(work,)))
            self._threads[-1].start()

    def end(self) -> None:
        self.ended.set()
        for thread in self._threads:
            thread.join(60)

    def _go_on(self, work: Callable[[], None]) -> None:
        while not self.ended.is_set():
            try:
                work()
            except Exception as fault:  # noqa: BLE001 - kept, and asserted to be none
                self.faults.append(f"{work.__name__}: {type(fault).__name__}: {fault}")
                return

    def honest(self) -> None:
        """A caller whose every call must be answered."""
        with channel_of(self.deployment) as channel:
            call: Any = channel.unary_unary(RANDOM.path)
            until = time.monotonic() + 5
            while time.monotonic() < until and not self.ended.is_set():
                call(REQUEST, timeout=30)
                self.seen["honest"] += 1

    def hasty(self) -> None:
        """A caller who gives up at every possible moment."""
        with channel_of(self.deployment) as channel:
            call: Any = channel.unary_unary(RANDOM.path)
            for _ in range(50):
                asked = call.future(REQUEST, timeout=secrets.choice((0.0005, 0.001, 0.003, 0.01, 30)))
                if secrets.randbelow(2):
                    time.sleep(secrets.choice((0, 0.0005, 0.002)))
                    asked.cancel()
                with contextlib.suppress(grpc.FutureCancelledError, grpc.RpcError):
                    asked.result(timeout=30)
                self.seen["hasty"] += 1

    def cut(self) -> None:
        """Connections that end in the middle of everything."""
        for _ in range(10):
            with contextlib.suppress(OSError):
                with Http2(self.port, ca_of(self.deployment), self.deployment.root / "clients" / "app") as connection:
                    connection.begin(grpc_head(RANDOM.path), FRAME[: secrets.randbelow(len(FRAME) + 1)])
            self.seen["cut"] += 1

    def garbage(self) -> None:
        """Bytes before TLS, and within it instead of HTTP/2."""
        with contextlib.suppress(OSError):
            with socket.create_connection((HOST, self.port), timeout=5) as plain:
                plain.sendall(secrets.choice(NOT_HTTP) + secrets.token_bytes(secrets.randbelow(200)))
        context = ssl.create_default_context(cafile=str(ca_of(self.deployment)))
        context.set_alpn_protocols(["h2"])
        with contextlib.suppress(OSError):
            with socket.create_connection((HOST, self.port), timeout=5) as plain:
                with context.wrap_socket(plain, server_hostname=HOST) as secured:
                    begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" if secrets.randbelow(2) else b""
                    secured.sendall(begin + secrets.token_bytes(secrets.randbelow(400) + 1))
                    secured.settimeout(1)
                    secured.recv(1000)
        self.seen["garbage"] += 1

    def malformed(self) -> None:
        """Good HTTP/2 that is no good gRPC."""
        bodies = (FRAME * 2, FRAME[:-1], b"\2" + FRAME[1:], b"\0\xff\xff\xff\xff", b"", secrets.token_bytes(300_000))
        with contextlib.suppress(OSError):
            with Http2(self.port, ca_of(self.deployment), self.deployment.root / "clients" / "app") as connection:
                for body in bodies:
                    connection.ask(grpc_head(RANDOM.path, grpc_encoding=secrets.choice(("", "gzip", "x"))), body)
        self.seen["malformed"] += 1

    def renew(self) -> None:
        """A new certificate of the listener."""
        ca = self.deployment.root / "client-ca.crt"
        authority = CertificateFiles(ca.read_bytes(), ca.with_suffix(".key").read_bytes())
        renewed = new_leaf(authority, HOME, datetime.now(UTC), addresses=(HOST,))
        files = self.deployment.place(HOME).folder
        write_private(files / "server.key", renewed.private_key)
        write_private(files / "server.crt", renewed.certificate)
        self.deployment.processes[HOME].send_signal(signal.SIGHUP)
        self.seen["renewed"] += 1
        self.ended.wait(RENEW_SECONDS)


def ca_of(deployment: Deployment) -> Path:
    return deployment.endpoint(HOME, "app").ca


def channel_of(deployment: Deployment) -> grpc.Channel:
    endpoint = deployment.endpoint(HOME, "app")
    options = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
    return grpc.secure_channel(endpoint.target, endpoint.credentials, options=options)


def memory_of(pid: int) -> float:
    """Resident, in MiB."""
    fields = Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0]) / 1024


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    added = 'front.kind = "envoy"\nlimits.failed_authentications_per_minute = 0\n'
    made = Deployment(tmp_path, [HOME], settings_added=added).prepare()
    try:
        made.start()
        yield made
    finally:
        made.stop_all()


def test_churn_costs_no_honest_caller_an_answer(deployment: Deployment) -> None:
    churn, pid = Churn(deployment), deployment.processes[HOME].pid
    churn.begin(*[churn.honest] * HONEST, *[churn.hasty] * HASTY, churn.cut, churn.garbage, churn.malformed, churn.renew)
    memory = []
    try:
        for part in (SETTLED, 1 - SETTLED):
            churn.ended.wait(60 * MINUTES * part)
            memory.append(memory_of(pid))
    finally:
        churn.end()
    print({"seen": dict(churn.seen), "memory": memory})
    assert churn.faults == []
    assert all(churn.seen[kind] for kind in ("honest", "hasty", "cut", "garbage", "malformed", "renewed"))
    assert memory[1] <= memory[0] * (1 + GROWTH_MAX)
    assert deployment.processes[HOME].poll() is None
    log = (deployment.place(HOME).folder / "log").read_text()
    assert "Traceback" not in log
    assert "UnforeseenFault" not in log
    assert deployment.stop(HOME) == OK
    recorded = [each for each in deployment.audit(HOME) if each["eventName"] == "GenerateRandom" and "errorCode" not in each]
    assert len(recorded) >= churn.seen["honest"]
    assert deployment.verify_audit(HOME).returncode == 0
