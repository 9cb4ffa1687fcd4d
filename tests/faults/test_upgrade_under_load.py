"""A Region of the last schema is brought to this one under load, as the operator's guide says: no call fails for a caller who repeats what
did not reach the Region, no change that was acknowledged is lost, none is made twice, and what was encrypted before opens after.

The earlier release runs as it was, from the history of this repository.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.databases import new_database
from tests.ports import free_ports
from tests.scenario.earlier_release.make import REGION, serving

from meridian.cli.region_place import HOST
from meridian.client import Client, Endpoint, errors

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[2]
OWN = ROOT / "service"
EARLIER = "c42f757b4b65f04d757e2e0b684b944693cf2faf"
"""The last commit whose schema is the one before this release's."""
CALLERS = 4
LOADED_SECONDS = 3.0
ANSWERED_SECONDS_MAX = 60.0
"""Under load before the upgrade begins, and after it."""
AWAY_SECONDS_MAX = 120.0
"""How long a caller repeats a call that did not reach the Region; a busy machine starts a process in half a minute."""
CHANGE_EVERY = 5
STOP_SECONDS = 60.0
LOOKED_AT = 200
"""Ciphertexts that are opened in the end."""
T = TypeVar("T")


@pytest.fixture(scope="session")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The service of the earlier release."""
    if subprocess.run(["git", "cat-file", "-e", EARLIER], cwd=ROOT, capture_output=True, check=False).returncode != 0:
        pytest.skip("this copy of the repository has no history, and with it no earlier release")
    packed = subprocess.run(["git", "archive", EARLIER, "service", "policy"], cwd=ROOT, capture_output=True, check=True).stdout
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "service"


@dataclass
class Process:
    """One process of a Region, of whichever release is started."""

    settings: Path
    port: int
    running: subprocess.Popen[bytes] | None = None

    def start(self, service: Path) -> None:
        """Start this release and wait until it serves."""
        with self.settings.with_suffix(".log").open("ab") as log:
            self.running = subprocess.Popen(
                command("serve", self.settings, "--allow-file-seal"), env=of(service), stdout=subprocess.PIPE, stderr=log
            )
        assert self.running.stdout is not None
        assert self.running.stdout.readline().startswith(b"ready"), self.settings.with_suffix(".log").read_text()[-2000:]

    def stop(self) -> int:
        """End it as an operator does; the answer is its exit code."""
        assert self.running is not None
        assert self.running.stdout is not None
        self.running.terminate()
        code = self.running.wait(STOP_SECONDS)
        self.running.stdout.close()
        self.running = None
        return code


def command(name: str, settings: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "meridian", *name.split(), "--config", str(settings), *words]


def of(service: Path) -> dict[str, str]:
    """The environment in which `meridian` is this release."""
    return {**os.environ, "PYTHONPATH": str(service)}


def run(name: str, settings: Path, service: Path) -> None:
    done = subprocess.run(command(name, settings), env=of(service), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True, slots=True, repr=False)
class AnyOf(Endpoint):
    """Processes that show a certificate of one address."""

    @property
    def options(self) -> list[tuple[str, Any]]:
        return [*super(AnyOf, self).options, ("grpc.ssl_target_name_override", HOST)]


@dataclass
class Region:
    """Processes of one Region, and who calls them."""

    root: Path
    processes: list[Process]

    @property
    def settings(self) -> Path:
        return self.processes[0].settings

    def client(self) -> Client:
        target = "ipv4:" + ",".join(f"{HOST}:{process.port}" for process in self.processes)
        ca, certificate, key = (self.root / name for name in ("client-ca.crt", "clients/developer.crt", "clients/developer.key"))
        return Client(AnyOf(target, ca, certificate, key))


@pytest.fixture
def made(earlier: Path, tmp_path: Path) -> Iterator[Region]:
    """A Region that the earlier release made, with settings as it writes them; no process runs."""
    root = tmp_path / "deployment"
    with serving(earlier, root):
        pass
    settings = root / REGION / "settings.toml"
    port = re.search(r'\[grpc\]\nlisten = "[\d.]+:(\d+)"', settings.read_text())
    assert port is not None
    region = Region(root, [Process(settings, int(port[1]))])
    try:
        yield region
    finally:
        for process in region.processes:
            if process.running is not None:
                process.running.kill()
                process.running.wait()


def on_postgresql(region: Region, server: str, earlier: Path) -> None:
    """The same with a PostgreSQL database that the earlier release initialises."""
    url = asyncio.run(new_database(server))
    text = region.settings.read_text()
    region.settings.write_text(re.sub(r'database = "[^"]*"', lambda _: f'database = "{url}"', text, count=1))
    for path in (region.root / REGION / "audit").iterdir():
        path.unlink()  # of the database that it leaves
    run("region init", region.settings, earlier)


def second_of(region: Region) -> Process:
    """Another process of the Region, beside the first."""
    first = free_ports(4)
    ports = iter(range(first, first + 4))
    text = re.sub(r'listen = "127\.0\.0\.1:\d+"', lambda _: f'listen = "127.0.0.1:{next(ports)}"', region.settings.read_text())
    audit = region.root / REGION / "audit"
    text = 'replica = "replica-2"\n' + text.replace(f'directory = "{audit}"', f'directory = "{audit}-2"')
    settings = region.settings.with_name("settings-2.toml")
    settings.write_text(text)
    return Process(settings, first)


@dataclass
class Load:
    """Callers who encrypt, decrypt and make keys, one call after another, until they are told to end."""

    region: Region
    repeats: bool
    """Whether a caller repeats what his client gave up."""
    faults: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    blobs: list[tuple[bytes, bytes]] = field(default_factory=list)
    calls: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self, key_id: str) -> None:
        self._threads = [threading.Thread(target=self._call, args=(key_id,)) for _ in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def go_on(self) -> None:
        """Return after some seconds, and not before callers were answered in them."""
        before, until = self.calls, time.monotonic() + ANSWERED_SECONDS_MAX
        time.sleep(LOADED_SECONDS)
        while self.calls == before:
            assert not self.faults
            assert time.monotonic() < until, "nobody is answered"
            time.sleep(0.1)

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(2 * AWAY_SECONDS_MAX)
            assert not thread.is_alive()

    def _call(self, key_id: str) -> None:
        turn = 0
        try:
            with self.region.client() as client:
                while not self._ended.is_set():
                    turn += 1
                    self._once(client, key_id, is_change=turn % CHANGE_EVERY == 0)
        except Exception as fault:  # noqa: BLE001 - whatever it is, the call failed, and the test says so
            self.faults.append(f"{type(fault).__name__}: {fault}")

    def _once(self, client: Client, key_id: str, *, is_change: bool) -> None:
        plaintext, token = secrets.token_bytes(32), secrets.token_hex(16)
        if is_change:
            made = self._answer(lambda: client.create_key(description=token, client_token=token, timeout=30))
            self.keys.append(made.key_metadata.key_id)
        blob = self._answer(lambda: client.encrypt(key_id=key_id, plaintext=plaintext, timeout=30)).ciphertext_blob
        self.blobs.append((blob, plaintext))
        opened = self._answer(lambda: client.decrypt(ciphertext_blob=blob, timeout=30)).plaintext
        assert opened == plaintext
        self.calls += 2 + is_change

    def _answer(self, call: Callable[[], T]) -> T:
        until = time.monotonic() + AWAY_SECONDS_MAX
        while True:
            try:
                return call()
            except errors.TransportError:
                if not self.repeats or time.monotonic() > until:
                    raise
                time.sleep(0.1)


def upgraded_under_load(region: Region, upgrade: Callable[[], None], *, repeats: bool) -> None:
    """Upgrade a Region whose first process serves, and look at what became of its callers, its keys and its log."""
    with region.client() as client:
        first = str(client.create_key(description="first").key_metadata.key_id)
    load = Load(region, repeats)
    load.begin(first)
    try:
        load.go_on()
        upgrade()
        load.go_on()
    finally:
        load.end()
    assert load.faults == []
    with region.client() as client:
        assert sorted(each.key_id for each in client.iterate_keys()) == sorted([first, *load.keys]), "each once, and none is lost"
        for blob, plaintext in load.blobs[:: max(1, len(load.blobs) // LOOKED_AT)]:
            assert client.decrypt(ciphertext_blob=blob).plaintext == plaintext
    for process in region.processes:
        assert process.stop() == 0
    logs = [process.settings.parent / name for process, name in zip(region.processes, ("audit", "audit-2"), strict=False)]
    done = subprocess.run(
        [*command("audit verify", region.settings, "--against-db"), *map(str, logs)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_one_process_is_stopped_and_started_again(made: Region, earlier: Path, database: str, request: pytest.FixtureRequest) -> None:
    """The Region is away for the time of a start."""
    if database == "postgresql":
        on_postgresql(made, request.getfixturevalue("postgresql_server"), earlier)
    (process,) = made.processes
    process.start(earlier)

    def upgrade() -> None:
        assert process.stop() == 0
        run("migrate", made.settings, OWN)
        process.start(OWN)

    upgraded_under_load(made, upgrade, repeats=True)


def test_processes_of_one_database_are_replaced_one_after_the_other(made: Region, earlier: Path, postgresql_server: str) -> None:
    """The Region is never away: the database is migrated while the earlier release serves, and nobody but Meridian's client repeats."""
    on_postgresql(made, postgresql_server, earlier)
    made.processes.append(second_of(made))
    for process in made.processes:
        process.start(earlier)

    def upgrade() -> None:
        run("migrate", made.settings, OWN)
        time.sleep(LOADED_SECONDS)
        for process in made.processes:
            assert process.stop() == 0
            process.start(OWN)
            time.sleep(LOADED_SECONDS)

    upgraded_under_load(made, upgrade, repeats=False)
