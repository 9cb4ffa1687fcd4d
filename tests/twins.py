"""One Region as two processes on one PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.audit_logs import records_in
from tests.databases import new_database
from tests.deployment import HOME, Deployment, verified
from tests.ports import free_ports

from meridian.administration.database import initialise
from meridian.cli.region_place import HOST
from meridian.client import Client
from meridian.settings import load_settings


@dataclass
class Twins:
    """A Region's first process, and its second."""

    deployment: Deployment
    port: int
    audit: Path
    settings: Path
    process: subprocess.Popen[bytes] | None = None

    def start_second(self) -> None:
        """Start the second process and wait until it serves."""
        command = [sys.executable, "-m", "meridian", "serve", "--config", str(self.settings), "--allow-file-seal"]
        log = self.settings.with_name("log-2")
        with log.open("ab") as file:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith(b"ready"), log.read_text()

    def stop_second(self) -> int:
        """End the second process as an operator does; the answer is its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=40)

    @contextlib.contextmanager
    def second(self, caller: str) -> Iterator[Client]:
        own = self.deployment.endpoint(HOME, caller)
        with Client(replace(own, target=f"{HOST}:{self.port}")) as client:
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
        return verified(command, runs=True)


@contextlib.contextmanager
def two_processes(folder: Path, postgresql_server: str, added: str, changed: Mapping[str, str]) -> Iterator[Twins]:
    """A Region that two processes serve; `added` stands before its other settings, and lines of those are `changed` into others."""
    deployment = Deployment(folder, [HOME], added).prepare()
    place = deployment.place(HOME)
    url = asyncio.run(new_database(postgresql_server))
    lines = [f'database = "{url}"' if line.startswith("database") else line for line in place.settings.read_text().splitlines()]
    assert set(changed) <= set(lines)
    place.settings.write_text("\n".join(changed.get(line, line) for line in lines))
    asyncio.run(initialise(load_settings(place.settings)))
    first, audit = free_ports(4), place.folder / "audit-2"
    text = 'replica = "replica-2"\n' + place.settings.read_text()
    for at, port in enumerate((place.grpc_port, place.admin_port, place.peer_port, place.aws_port)):
        text = text.replace(f":{port}", f":{first + at}")
    settings = place.folder / "second.toml"
    settings.write_text(text.replace(f"{place.folder}/audit", str(audit)))
    twins = Twins(deployment, first, audit, settings)
    try:
        deployment.start()
        twins.start_second()
        yield twins
    finally:
        if twins.process is not None:
            twins.stop_second()
        deployment.stop_all()
