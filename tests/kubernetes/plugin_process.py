"""`meridian k8s-kms` as a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.deployment import HOME, HOST, Deployment
from tests.ports import free_port


@dataclass
class PluginProcess:
    """One socket in a folder of its own."""

    folder: Path
    regions: Deployment
    key: str
    endpoints: Sequence[str]
    clients: Path = field(default_factory=Path)
    """Where the files of `app` are; with the Regions, unless it is said."""
    health_port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "kms.sock"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def start(self) -> str:
        """Start, and wait for its first line, which is the answer."""
        clients = self.clients if self.clients.is_absolute() else self.regions.root / "clients"
        command = [sys.executable, "-m", "meridian", "k8s-kms", "--socket", str(self.socket), "--key", self.key]
        command += [part for endpoint in self.endpoints for part in ("--endpoint", endpoint)]
        command += ["--health-port", str(self.health_port), "--ca", str(self.regions.root / "client-ca.crt")]
        command += ["--certificate", str(clients / "app.crt"), "--private-key", str(clients / "app.key")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line.startswith("ready"):
            self.process.wait(20)
            raise AssertionError(self.log)
        return line

    def stop(self, number: int = signal.SIGTERM) -> int:
        """The exit code."""
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.send_signal(number)
        code = self.process.wait(20)
        self.process.stdout.close()
        self.process = None
        return code

    def read(self, path: str) -> tuple[int, str]:
        """Status and text of the health port."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.health_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def metric(self, name: str) -> float:
        """The sum of a metric's samples."""
        lines = [line for line in self.read("/metrics")[1].splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def endpoint(regions: Deployment, region: str) -> str:
    """As the option takes it."""
    target = f"{HOST}:{regions.place(region).grpc_port}"
    return target if region == HOME else f"{region}={target}"
