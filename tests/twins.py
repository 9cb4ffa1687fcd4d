"""One Region as two processes on one PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.audit_logs import records_in
from tests.databases import new_database
from tests.deployment import HOME, Deployment
from tests.ports import free_ports

from meridian.bootstrap.commands import initialise
from meridian.cli.dev_files import HOST
from meridian.client import Client, Endpoint
from meridian.settings import load_settings


@dataclass
class Twins:
    """A Region's first process, and its second."""

    deployment: Deployment
    port: int
    audit: Path
    process: subprocess.Popen[bytes]

    @contextlib.contextmanager
    def second(self, caller: str) -> Iterator[Client]:
        own = self.deployment.endpoint(HOME, caller)
        with Client(Endpoint(f"{HOST}:{self.port}", own.ca, own.certificate, own.private_key)) as client:
            yield client

    def records(self) -> list[dict[str, Any]]:
        """What both have written."""
        return [*self.deployment.audit(HOME), *records_in(self.audit)]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [r for r in self.records() if r["eventName"] == name]

    def verify_audit(self) -> subprocess.CompletedProcess[str]:
        """`meridian audit verify` of both logs, against their database."""
        place = self.deployment.place(HOME)
        command = [sys.executable, "-m", "meridian", "audit", "verify", "--against-db", "--config", str(place.settings)]
        command += [str(place.folder / "audit"), str(self.audit)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@contextlib.contextmanager
def two_processes(folder: Path, postgresql_server: str, added: str) -> Iterator[Twins]:
    """A Region that two processes serve; `added` stands before its other settings."""
    deployment = Deployment(folder, [HOME], added).prepare()
    place = deployment.place(HOME)
    url = asyncio.run(new_database(postgresql_server))
    lines = [f'database = "{url}"' if line.startswith("database") else line for line in place.settings.read_text().splitlines()]
    place.settings.write_text("\n".join(lines))
    asyncio.run(initialise(load_settings(place.settings)))
    first, audit = free_ports(4), place.folder / "audit-2"
    text = 'replica = "replica-2"\n' + place.settings.read_text()
    for at, port in enumerate((place.grpc_port, place.admin_port, place.peer_port, place.aws_port)):
        text = text.replace(f":{port}", f":{first + at}")
    settings = place.folder / "second.toml"
    settings.write_text(text.replace(f"{place.folder}/audit", str(audit)))
    second = None
    try:
        deployment.start()
        command = [sys.executable, "-m", "meridian", "serve", "--config", str(settings), "--allow-file-seal"]
        with (place.folder / "log-2").open("ab") as log:
            second = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        assert second.stdout is not None
        assert second.stdout.readline().startswith(b"ready"), (place.folder / "log-2").read_text()
        yield Twins(deployment, first, audit, second)
    finally:
        if second is not None:
            second.terminate()
            second.wait(timeout=20)
        deployment.stop_all()
