"""Callers who do everything wrong before Envoy, as a process of its own: `churn_load.py FOLDER PORT`, FOLDER a deployment's.

They go on at bounded rates and the lowest priority, over loopback alone, until standard input ends; then what they did is printed as JSON.
Two cores would otherwise measure who gets the processor, and not what the front gives to whom.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import grpc
from tests.http2 import Http2, grpc_head

from meridian.cli.region_place import HOST
from meridian.contract.catalog import served_rpcs

CALLS = 50
"""Of a hasty caller on one connection."""
RANDOM = served_rpcs()["GenerateRandom"]
REQUEST = bytes(RANDOM.request_class(number_of_bytes=8).SerializeToString())
FRAME = b"\0" + len(REQUEST).to_bytes(4, "big") + REQUEST
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NOT_HTTP = [b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 64, PREFACE]
SECONDS = 30.0


class ChurnLoad:
    """Threads, each of which does one thing wrong again and again."""

    def __init__(self, folder: Path, port: int) -> None:
        self.ca, self.certificate, self.port = folder / "client-ca.crt", folder / "clients" / "app", port
        self.ended = threading.Event()
        self.done = Counter[str]()
        self.faults: list[str] = []
        works: list[tuple[Callable[[], None], float]] = [*[(self.hasty, 0.5)] * 4, (self.cut, 10), (self.garbage, 10), (self.malformed, 2)]
        self._threads = [threading.Thread(target=self._go_on, args=each) for each in works]

    def run(self) -> None:
        """Until standard input ends."""
        for thread in self._threads:
            thread.start()
        sys.stdin.read()
        self.ended.set()
        for thread in self._threads:
            thread.join(2 * SECONDS)

    def _go_on(self, work: Callable[[], None], rate: float) -> None:
        """`rate`: how often in a second at most."""
        while not self.ended.is_set():
            begun = time.monotonic()
            try:
                with contextlib.suppress(OSError):
                    work()
            except Exception as fault:  # noqa: BLE001 - told, and judged by who started this
                self.faults.append(f"{work.__name__}: {type(fault).__name__}: {fault}")
                return
            self.done[work.__name__] += 1
            self.ended.wait(max(0.0, 1 / rate - (time.monotonic() - begun)))

    def hasty(self) -> None:
        """Calls that are given up, or past their deadline, at every possible moment."""
        names = [self.ca, self.certificate.with_suffix(".key"), self.certificate.with_suffix(".crt")]
        credentials = grpc.ssl_channel_credentials(*[each.read_bytes() for each in names])
        options = [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
        with grpc.secure_channel(f"{HOST}:{self.port}", credentials, options=options) as channel:
            call: Any = channel.unary_unary(RANDOM.path)
            for _ in range(CALLS):
                asked = call.future(REQUEST, timeout=secrets.choice((0.0005, 0.001, 0.003, 0.01, SECONDS)))
                if secrets.randbelow(2):
                    time.sleep(secrets.choice((0, 0.0005, 0.002)))
                    asked.cancel()
                with contextlib.suppress(grpc.FutureCancelledError, grpc.RpcError):
                    asked.result(timeout=SECONDS)

    def cut(self) -> None:
        """A connection that ends in the middle of a call."""
        with Http2(self.port, self.ca, self.certificate) as connection:
            connection.begin(grpc_head(RANDOM.path), FRAME[: secrets.randbelow(len(FRAME) + 1)])

    def garbage(self) -> None:
        """Bytes before TLS, and within it instead of HTTP/2."""
        with socket.create_connection((HOST, self.port), timeout=SECONDS) as plain:
            plain.sendall(secrets.choice(NOT_HTTP) + secrets.token_bytes(secrets.randbelow(200)))
        context = ssl.create_default_context(cafile=str(self.ca))
        context.set_alpn_protocols(["h2"])
        with socket.create_connection((HOST, self.port), timeout=SECONDS) as plain:
            with context.wrap_socket(plain, server_hostname=HOST) as secured:
                secured.sendall((PREFACE if secrets.randbelow(2) else b"") + secrets.token_bytes(secrets.randbelow(400) + 1))
                secured.settimeout(1)
                secured.recv(1000)

    def malformed(self) -> None:
        """Good HTTP/2 that is no good gRPC, oversized messages among it."""
        bodies = (FRAME * 2, FRAME[:-1], b"\2" + FRAME[1:], b"\0\xff\xff\xff\xff", b"", secrets.token_bytes(300_000))
        with Http2(self.port, self.ca, self.certificate) as connection:
            for body in bodies:
                connection.ask(grpc_head(RANDOM.path, grpc_encoding=secrets.choice(("", "gzip", "x"))), body)


if __name__ == "__main__":
    os.nice(19)
    load = ChurnLoad(Path(sys.argv[1]), int(sys.argv[2]))
    load.run()
    print(json.dumps({"done": load.done, "faults": load.faults}))
