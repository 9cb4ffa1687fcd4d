"""Real Regions in trouble: quotas nearly used up, no disk for the audit log, a database without its tables, a peer that died, a
backup restored. What is wrong is done to them from outside, as a disk or an operator would do it."""

from __future__ import annotations

import contextlib
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from tests.conformance.good_requests import Things
from tests.deployment import AWAY, HOME, Deployment
from tests.openssl import bring, random_material

from meridian.client.errors import KmsServiceError
from meridian.kms.v1 import types_pb2 as t

Beside = TypeVar("Beside")
TABLES = ("keys", "aliases", "grants", "key_stores")
KEYS_MAX = 8
NARROW = f"""
limits.keys_per_account = {KEYS_MAX}
limits.aliases_per_key = 1
limits.grants_per_key = 1
limits.key_stores_per_account = 1
limits.on_demand_rotations_per_key = 1
limits.day_seconds = 10.0
limits.import_token_seconds = 0.0
"""


class Regions:
    """A deployment for each trouble, started when it is first needed."""

    def __init__(self, shared: Deployment, folder: Path) -> None:
        self._shared, self._folder = shared, folder
        self._own: list[Deployment] = []
        self._beside: list[Any] = []

    def stop(self) -> None:
        for deployment in self._own:
            deployment.stop_all()

    def _new(self, name: str, regions: list[str], added: str = "") -> Deployment:
        deployment = Deployment(self._folder / name, regions, settings_added=added).prepare()
        self._own.append(deployment)
        return deployment

    def _things(self, deployment: Deployment, region: str = HOME) -> Things:
        return Things(deployment, self._folder, region)

    def beside_tokens(self, make: Callable[[Path, Deployment], Beside]) -> Beside:
        """A Region whose settings name hardware tokens, as `make` makes it."""
        if not self._beside:
            folder = self._folder / "hsms"
            folder.mkdir()
            self._beside.append(make(folder, self._new("tokens", [HOME])))
        made: Beside = self._beside[0]
        return made

    @cached_property
    def usual(self) -> Things:
        return self._things(self._shared)

    @cached_property
    def narrow(self) -> Things:
        """Quotas of a few things, days of ten seconds, import tokens that are never valid."""
        deployment = self._new("narrow", [HOME, AWAY], NARROW)
        deployment.start()
        return self._things(deployment)

    @cached_property
    def deaf(self) -> tuple[Things, dict[str, dict[str, Any]]]:
        """A Region whose audit log has no room, and the good requests of before."""
        deployment = self._new("deaf", [HOME])
        deployment.start()
        things = self._things(deployment)
        requests = things.every_good_request()
        # What the process may write is bounded by the size of files: the log must be the largest by then.
        context = {"padding": "x" * 8000}
        while _log(deployment).stat().st_size < 2 * max(p.stat().st_size for p in deployment.place(HOME).folder.glob("region.sqlite3*")):
            things.client.encrypt(key_id=things.key("symmetric"), plaintext=b"x", encryption_context=context)
        process, size = deployment.processes[HOME].pid, _log(deployment).stat().st_size
        resource.prlimit(process, resource.RLIMIT_FSIZE, (size, resource.prlimit(process, resource.RLIMIT_FSIZE)[1]))
        return things, requests

    @cached_property
    def broken(self) -> tuple[Things, dict[str, dict[str, Any]]]:
        """A Region whose database has lost tables, with nothing in its memory, and the good requests of before."""
        deployment = self._new("broken", [HOME])
        deployment.start()
        things = self._things(deployment)
        requests = things.every_good_request()
        requests["GenerateRandom"]["custom_key_store_id"] = things.store  # the one request of it that reads the database
        deployment.stop(HOME)
        deployment.start(HOME)
        with contextlib.closing(sqlite3.connect(deployment.place(HOME).folder / "region.sqlite3", timeout=20)) as database:
            for name in TABLES:
                database.execute(f"ALTER TABLE {name} RENAME TO {name}_away")
            database.commit()
        return self._things(deployment), requests

    @cached_property
    def creating(self) -> tuple[Things, str]:
        """A replica of imported material whose primary's Region died before it could tell more."""
        deployment = self._new("creating", [HOME, AWAY])
        deployment.start(HOME, environment={"MERIDIAN_TEST_KILL_AT": "replicate_key.after_commit"})
        deployment.start(AWAY)
        with deployment.client(HOME, "developer") as developer:
            key = developer.create_key(origin=t.ORIGIN_TYPE_EXTERNAL, multi_region=True).key_metadata
            bring(developer, self._folder, key.key_id, random_material())
            with contextlib.suppress(KmsServiceError):
                developer.replicate_key(key_id=key.key_id, replica_region=AWAY)
        deployment.wait_dead(HOME)
        return self._things(deployment, AWAY), str(key.key_id)

    @cached_property
    def restored(self) -> tuple[Things, bytes]:
        """A Region restored from a backup older than its newest material, and a ciphertext under that material."""
        deployment = self._new("restored", [HOME, AWAY], "limits.compare_seconds = 0.5\n")
        deployment.start()
        key_id = _related(deployment)
        folder = deployment.place(HOME).folder
        deployment.stop(HOME)
        backup = shutil.copytree(folder, self._folder / "backup", ignore=shutil.ignore_patterns("audit"))
        deployment.start(HOME)
        blob = _encrypted_after_rotation(deployment, key_id)
        for region in (HOME, AWAY):
            deployment.stop(region)
        for each in folder.glob("region.sqlite3*"):
            each.unlink()
        for each in backup.glob("region.sqlite3*"):
            shutil.copy(each, folder / each.name)
        command = [sys.executable, "-m", "meridian", "region", "restored", "--accept-loss", "--config"]
        command.append(str(deployment.place(HOME).settings))
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        deployment.start(HOME)
        return self._things(deployment), blob


def _log(deployment: Deployment) -> Path:
    return max((deployment.place(HOME).folder / "audit").glob("*.jsonl"))


def _related(deployment: Deployment) -> str:
    with deployment.client() as alice:
        key_id = str(alice.create_key(multi_region=True).key_metadata.key_id)
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
    deployment.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)
    return key_id


def _encrypted_after_rotation(deployment: Deployment, key_id: str) -> bytes:
    def material() -> str:
        with deployment.client(AWAY) as client:
            return str(client.describe_key(key_id=key_id).key_metadata.current_key_material_id)

    before = material()
    with deployment.client() as alice:
        alice.rotate_key_on_demand(key_id=key_id)
    deployment.wait_until(lambda: material() != before)
    with deployment.client(AWAY, "app") as app:
        return bytes(app.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob)
