"""A Region of `meridian dev` on free ports in a temporary folder: real processes, a real database, real policies; nothing is left of it."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from meridian.client import Client, Endpoint

HOST: Final = "127.0.0.1"
FIRST_PORT, AFTER_LAST_PORT = 20_000, 32_000
"""Below those that systems give to outgoing connections, above those that Meridian's own tests give out."""
START_SECONDS: Final = 120.0
"""Of a machine that has everything else to do as well."""
STOP_SECONDS: Final = 20.0
TRIES: Final = 3
"""Somebody else may take a port between its choice and its use."""
SAID_BYTES: Final = 4_000
READY: Final = "ready"
EVERYBODY: Final = "developer"
"""The principal of the default ones who may do everything in his account."""


class RegionError(Exception):
    """The Region did not start; the text says what it said."""


@dataclass(frozen=True, slots=True)
class RunningRegion:
    """A Region that serves until its context ends."""

    name: str
    folder: Path
    """Of the deployment: `DIR/policies` are the policies that it follows, `DIR/clients` the certificates of its principals."""
    target: str
    """`host:port` of its gRPC."""
    aws_endpoint: str
    """URL of its AWS wire."""

    def endpoint(self, caller: str = EVERYBODY) -> Endpoint:
        """The Region, for one of the principals of `meridian dev`: developer, alice, app, auditor …"""
        clients = self.folder / "clients"
        return Endpoint(self.target, self.folder / "client-ca.crt", clients / f"{caller}.crt", clients / f"{caller}.key")

    def client(self, caller: str = EVERYBODY) -> Client:
        """A client of this principal; whoever asks for it closes it."""
        return Client(self.endpoint(caller))

    def environment(self, caller: str = EVERYBODY) -> dict[str, str]:
        """Variables for programs under test: those that `Endpoint.find` and the command line read, and those of clients of AWS."""
        found = _variables(self.folder / "env")
        endpoint = self.endpoint(caller)
        return {**found, "MERIDIAN_CERTIFICATE": str(endpoint.certificate), "MERIDIAN_PRIVATE_KEY": str(endpoint.private_key)}


@contextmanager
def region(name: str = "us-east-1", *, program: Sequence[str] = ()) -> Iterator[RunningRegion]:
    """A Region of this name, ready to be called. Raises: RegionError.

    It is run by `program`, which is what starts the service's command; by this interpreter, where the service is installed for it;
    otherwise by `meridian` of PATH.
    """
    command = [*(program or _program()), "dev", "--regions", name]
    with tempfile.TemporaryDirectory(prefix="meridian-region-", ignore_cleanup_errors=True) as folder:
        process, data, target = _start(command, Path(folder))
        try:
            yield RunningRegion(name, data, target, _variables(data / "env")["AWS_ENDPOINT_URL_KMS"])
        finally:
            _stop(process)


def _program() -> Sequence[str]:
    """Raises: RegionError."""
    if importlib.util.find_spec("meridian.cli") is not None:
        return (sys.executable, "-m", "meridian")
    found = shutil.which("meridian")
    if found is None:
        raise RegionError("the service is not installed: install `meridian` beside the tests, or put its command on PATH")
    return (found,)


def _start(command: Sequence[str], folder: Path) -> tuple[subprocess.Popen[str], Path, str]:
    """Raises: RegionError."""
    said = ""
    for number in range(TRIES):
        data, grpc_port, admin_port = folder / str(number), _free_port(), _free_port()
        options = ["--data", str(data), "--grpc-port", str(grpc_port), "--admin-port", str(admin_port)]
        process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        said = _until_ready(process)
        if process.poll() is None:
            return process, data, f"{HOST}:{grpc_port}"
    raise RegionError(f"the Region did not start: {said[-SAID_BYTES:].strip()}")


def _until_ready(process: subprocess.Popen[str]) -> str:
    """What it says until it is ready, or ends."""
    out = process.stdout
    late = threading.Timer(START_SECONDS, process.kill)
    late.start()
    try:
        said = "" if out is None else _lines(out)
    finally:
        late.cancel()
    if out is not None and said.endswith(f"{READY}\n"):
        threading.Thread(target=out.read, daemon=True).start()  # a pipe that nobody reads would stop it
    else:
        process.wait()
    return said


def _lines(out: IO[str]) -> str:
    said = ""
    for line in out:
        said += line
        if line.strip() == READY:
            break
    return said


def _stop(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    while True:
        port = FIRST_PORT + int.from_bytes(os.urandom(4), "big") % (AFTER_LAST_PORT - FIRST_PORT)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


def _variables(path: Path) -> dict[str, str]:
    """What a file of `export NAME='VALUE'` names."""
    words = shlex.split(path.read_text())
    return dict(word.split("=", 1) for word in words if word != "export")
