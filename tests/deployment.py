"""Real Regions for tests: each its own process, database, seal and audit stream, reached over mutual TLS.

Nothing here reaches into a Region; what a test sees is what a caller, an operator or an auditor sees.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from tests.audit_logs import GrowingLog
from tests.databases import migrated_sqlite
from tests.ports import free_port, free_ports
from tests.preloaded import RunningProcess, started
from tests.standing_proxy import standing_proxy

from meridian.administration.database import initialise
from meridian.cli.dev_folder import KEYS_READY, DevFolder
from meridian.cli.region_place import HOST, RegionPlace
from meridian.client import Client, Endpoint
from meridian.settings import load_settings

STOP_SECONDS = 20.0
METRICS_SECONDS = 1.05
WRITING_SECONDS = 20.0
HOME, AWAY = "us-east-1", "eu-west-1"
DATABASE = "region.sqlite3"
ALONE = ("--processes", "1")
"""A story of one process has one behind Envoy too, on whatever number of cores."""
PATIENT = "limits.key_store_attempt_seconds = 5.0\n"
"""A proxy that shares a busy machine with its tests is given its time; tests of the time itself give their own."""
NO_KEYS_READY = "limits.import_keys_ready = { RSA_2048 = 0, RSA_3072 = 0, RSA_4096 = 0 }"
"""Few tests take one, and each costs up to a second of every Region's start."""


@dataclass(frozen=True, slots=True, repr=False)
class AsAnswered(Endpoint):
    """A Region whose tests look at each refusal: none is sent again."""

    @property
    def repeats_refusals(self) -> bool:
        return False


def verified(command: list[str], *, runs: bool) -> subprocess.CompletedProcess[str]:
    """What this `meridian audit verify` answers; a Region that `runs` has some seconds to write the events that wait in its database."""
    until = time.monotonic() + WRITING_SECONDS * runs
    while True:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if time.monotonic() >= until or "an event that waits to be written" not in " ".join((done.stdout + done.stderr).split()):
            return done


@dataclass
class Deployment:
    """Regions of one deployment, started and stopped one by one."""

    root: Path
    regions: list[str]
    settings_added: str = ""
    folder: DevFolder = field(init=False)
    processes: dict[str, RunningProcess] = field(default_factory=dict)
    _metrics_read: dict[str, float] = field(default_factory=dict, init=False)
    _logs: dict[str, GrowingLog] = field(default_factory=dict, init=False)

    def prepare(self) -> Deployment:
        first = free_ports(2 * len(self.regions))
        self.folder = DevFolder(
            self.root, self.regions, grpc_port=first, admin_port=first + len(self.regions), aws_port=None, find_port=free_port
        )
        self.folder.prepare(None)
        self.folder.write_settings({})
        for place in self.folder.places:
            shutil.copy(migrated_sqlite(), place.folder / DATABASE)
        fingerprints = {p.region: asyncio.run(initialise(load_settings(p.settings))) for p in self.folder.places}
        self.folder.write_settings(fingerprints)
        for place in self.folder.places:
            text = place.settings.read_text().replace(KEYS_READY, NO_KEYS_READY)
            proxies = "" if "key_store_proxies" in self.settings_added else f"{standing_proxy().settings(place.region)}{PATIENT}"
            place.settings.write_text(f"{proxies}{self.settings_added}\n{text}")
        return self

    @property
    def is_behind_envoy(self) -> bool:
        """Whether callers on both wires reach its Regions by one port under TLS."""
        return 'kind = "envoy"' in self.settings_added

    def place(self, region: str) -> RegionPlace:
        return next(p for p in self.folder.places if p.region == region)

    def start(self, *regions: str, environment: dict[str, str] | None = None, added: Sequence[str] = ()) -> None:
        """Start Regions and wait until they serve."""
        for region in regions or self.regions:
            arguments = ["serve", "--config", str(self.place(region).settings), "--allow-file-seal", *ALONE, *added]
            with (self.place(region).folder / "log").open("ab") as log:
                self.processes[region] = started(arguments, log, environment or {})
        for region in regions or self.regions:
            self._wait_ready(region)

    def _wait_ready(self, region: str) -> None:
        process = self.processes[region]
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith(b"ready"):
            raise AssertionError(f"{region} did not start: " + (self.place(region).folder / "log").read_text()[-2000:])

    def stop(self, region: str, number: int = signal.SIGTERM) -> int:
        """End a Region's process; the answer is its exit code."""
        process = self.processes.pop(region)
        if process.poll() is None:
            process.send_signal(number)
        code = process.wait(timeout=STOP_SECONDS)
        if process.stdout is not None:
            process.stdout.close()
        return code

    def wait_dead(self, region: str, seconds: float = 20) -> int:
        """Wait for a Region that ends by itself; the answer is its exit code."""
        process = self.processes.pop(region)
        return process.wait(timeout=seconds)

    @contextlib.contextmanager
    def serving(self) -> Iterator[Deployment]:
        """All its Regions, started, and stopped at the end."""
        try:
            self.start()
            yield self
        finally:
            self.stop_all()

    def stop_all(self) -> None:
        """End every Region's process, all at once, and whatever state it is in."""
        ending = list(self.processes.values())
        self.processes.clear()
        for process in ending:
            process.terminate()
        for process in ending:
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def endpoint(self, region: str, caller: str, token: str = "") -> Endpoint:
        clients = self.root / "clients"
        certificate, key = clients / f"{caller}.crt", clients / f"{caller}.key"
        return AsAnswered(f"{HOST}:{self.place(region).grpc_port}", self.root / "client-ca.crt", certificate, key, token)

    @contextlib.contextmanager
    def client(self, region: str = HOME, caller: str = "alice") -> Iterator[Client]:
        with Client(self.endpoint(region, caller)) as client:
            yield client

    def audit(self, region: str) -> list[dict[str, Any]]:
        """Every audit record of a Region, oldest first."""
        return self._logs.setdefault(region, GrowingLog(self.place(region).folder / "audit")).records()

    def verify_audit(self, region: str) -> subprocess.CompletedProcess[str]:
        """`meridian audit verify` of a Region's log, against its database; of one that runs, once no event waits to be written."""
        command = [sys.executable, "-m", "meridian", "audit", "verify", "--against-db", "--config", str(self.place(region).settings)]
        return verified(command, runs=region in self.processes)

    def events_of(self, region: str, arn: str) -> list[dict[str, Any]]:
        """The audit records of a Region that name this key."""
        return [r for r in self.audit(region) if any(each["ARN"] == arn for each in r.get("resources") or [])]

    def wait_for_event(self, region: str, name: str, arn: str) -> dict[str, Any]:
        """The first record of this name about this key, once it is there; the service's own come within seconds."""

        def found() -> dict[str, Any] | None:
            return next((r for r in self.events_of(region, arn) if r["eventName"] == name), None)

        event: dict[str, Any] = self.wait_until(found)
        return event

    def metrics(self, region: str) -> dict[str, float]:
        """As they are now: a Region keeps the text that it showed for a second, so this waits until it makes another."""
        time.sleep(max(0.0, self._metrics_read.get(region, -inf) + METRICS_SECONDS - time.monotonic()))
        url = f"http://{HOST}:{self.place(region).admin_port}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            lines = [line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#")]
        self._metrics_read[region] = time.monotonic()
        return {name: float(value) for name, value in lines}

    def wait_until(self, reached: Callable[[], Any], seconds: float = 20.0) -> Any:
        """What `reached` answers, as soon as that is true."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            answer = reached()
            if answer:
                return answer
            time.sleep(0.05)
        raise AssertionError("not reached in time")

    def wait_for_state(self, region: str, key_id: str, state: int, seconds: float = 20.0) -> Any:
        """The key's metadata, once it is in this state."""
        until = time.monotonic() + seconds
        while True:
            with self.client(region) as client:
                try:
                    metadata = client.describe_key(key_id=key_id).key_metadata
                except Exception:  # noqa: BLE001 - asked again until the time is over
                    metadata = None
            if metadata is not None and metadata.key_state == state:
                return metadata
            if time.monotonic() > until:
                raise AssertionError(f"{key_id} in {region} is {metadata.key_state if metadata else 'absent'}, not {state}")
            time.sleep(0.05)
