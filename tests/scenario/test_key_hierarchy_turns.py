"""The levels above the keys turn while the Region serves: a new key-encryption key, a new root, another seal. Killed anywhere, every
row still opens."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.deployment import AWAY, HOME, Deployment

from meridian.client import Client
from meridian.fault_points import VARIABLE, FaultPoint
from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.deep

QUICK = "limits.kek_settle_seconds = 2.0\nlimits.kek_retention_days = 1.0\nlimits.day_seconds = 4.0\n"
OK, SETUP = 0, 3


@pytest.fixture
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("turning"), [HOME, AWAY], QUICK).prepare()
    try:
        yield deployment
    finally:
        deployment.stop_all()


def turn(regions: Deployment, command: str, kill_at: str = "") -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "meridian", "region", command, "--config", str(regions.place(HOME).settings)]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=30, env={**os.environ, VARIABLE: kill_at})


def wrapped_under(regions: Deployment) -> set[int]:
    """Numbers of the key-encryption keys that rows of the database name."""
    with sqlite3.connect(f"file:{regions.place(HOME).folder}/region.sqlite3?mode=ro", uri=True) as database:
        rows = database.execute("select sealed_bytes from materials union all select sealed_bytes from secrets").fetchall()
    return {int.from_bytes(row[0][4:8], "big") for row in rows if row[0]}


def keks(regions: Deployment) -> list[int]:
    with sqlite3.connect(f"file:{regions.place(HOME).folder}/region.sqlite3?mode=ro", uri=True) as database:
        return [row[0] for row in database.execute("select kek_number from keks order by 1")]


def make_blobs(client: Client, app: Client, count: int = 5) -> list[bytes]:
    ids = [client.create_key(multi_region=True).key_metadata.key_id for _ in range(count)]
    return [app.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob for key_id in ids]


def require_open(app: Client, blobs: list[bytes]) -> None:
    for blob in blobs:
        assert app.decrypt(ciphertext_blob=blob).plaintext == b"x"


def test_a_new_key_encryption_key_takes_every_row_and_the_old_one_ends(regions: Deployment) -> None:
    regions.start()
    with regions.client() as alice, regions.client(caller="app") as app:
        blobs = make_blobs(alice, app)
        done = turn(regions, "rotate-kek")
        assert (done.returncode, done.stdout) == (OK, "key-encryption key 2 is in use\n")

        def moved() -> bool:
            require_open(app, blobs)  # without a break while rows move
            return wrapped_under(regions) == {2}

        regions.wait_until(moved)
        blobs += make_blobs(alice, app, 1)
        regions.wait_until(lambda: keks(regions) == [2])
        require_open(app, blobs)
    regions.stop(HOME)
    regions.start(HOME)
    with regions.client() as alice, regions.client(caller="app") as app:
        require_open(app, blobs)
        key_id = alice.create_key(multi_region=True).key_metadata.key_id
        alice.replicate_key(key_id=key_id, replica_region=AWAY)  # the transport key was moved too
        regions.wait_for_state(AWAY, key_id, t.KEY_STATE_ENABLED)


@pytest.mark.parametrize("point", [FaultPoint.REWRAP_BEFORE_COMMIT, FaultPoint.REWRAP_AFTER_COMMIT])
def test_killed_while_rows_move_every_row_opens_and_the_rest_follows(regions: Deployment, point: FaultPoint) -> None:
    regions.start(HOME, environment={VARIABLE: point})
    with regions.client() as alice, regions.client(caller="app") as app:
        blobs = make_blobs(alice, app)
    assert turn(regions, "rotate-kek").returncode == OK
    assert regions.wait_dead(HOME) == -signal.SIGKILL
    assert 1 in wrapped_under(regions)
    regions.start(HOME)
    with regions.client(caller="app") as app:
        require_open(app, blobs)
        regions.wait_until(lambda: wrapped_under(regions) == {2})
        require_open(app, blobs)


@pytest.mark.parametrize(
    ("command", "point"), [("rotate-kek", FaultPoint.ROTATE_KEK_BEFORE_COMMIT), ("rotate-root", FaultPoint.ROTATE_ROOT_BEFORE_COMMIT)]
)
def test_a_turn_is_all_or_nothing(regions: Deployment, command: str, point: FaultPoint) -> None:
    regions.start(HOME)
    with regions.client() as alice, regions.client(caller="app") as app:
        blobs = make_blobs(alice, app)
    assert turn(regions, command, kill_at=point).returncode == -signal.SIGKILL
    regions.stop(HOME)
    regions.start(HOME)
    with regions.client(caller="app") as app:
        require_open(app, blobs)
    assert keks(regions) == [1]


def test_a_seal_is_added_and_the_first_one_dropped(regions: Deployment) -> None:
    regions.start(HOME)
    with regions.client() as alice, regions.client(caller="app") as app:
        blobs = make_blobs(alice, app)
    place = regions.place(HOME)
    passphrase = place.folder / "passphrase"
    passphrase.write_text("correct horse battery staple\n")
    passphrase.chmod(0o600)
    before = place.settings.read_text()
    file_seal = f'[[seals]]\nprovider = "file"\npath = "{place.folder}/seal"\n'
    added = f'[[seals]]\nprovider = "passphrase"\npassphrase_file = "{passphrase}"\ntime_cost = 3\nmemory_kib = 65536\nparallelism = 1\n'
    assert file_seal in before
    place.settings.write_text(before.replace(file_seal, added))
    refused = turn(regions, "rotate-root")
    assert refused.returncode == SETUP
    assert "root key is unchanged" in refused.stderr
    place.settings.write_text(before.replace(file_seal, file_seal + added))
    assert turn(regions, "rotate-root").stdout == "root key 2 is in use\n"
    place.settings.write_text(before.replace(file_seal, added))
    assert turn(regions, "rotate-root").stdout == "root key 3 is in use\n"
    Path(place.folder / "seal").unlink()
    regions.stop(HOME)
    regions.start(HOME)
    with regions.client(caller="app") as app:
        require_open(app, blobs)
