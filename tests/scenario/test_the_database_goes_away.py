"""A SQLite file that goes away while the Region serves, or is not there when it starts: no change is lost in silence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.deployment import HOME, Deployment
from tests.faults.test_readiness import readiness

from meridian.cli.exit_codes import SETUP
from meridian.client.errors import KmsServiceError

NEED_A_DATABASE = (
    ("serve", "--allow-file-seal"),
    ("migrate",),
    *(("region", name) for name in ("init", "audit-keys", "restored", "doctor")),
)


def run(region: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "meridian", *arguments, "--config", str(region.place(HOME).settings)]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)


def test_what_cannot_be_kept_is_refused_and_told_until_the_file_is_back(own_regions: Deployment) -> None:
    own_regions.start(HOME)
    database = own_regions.place(HOME).folder / "region.sqlite3"
    with own_regions.client() as alice:
        before = alice.create_key().key_metadata.key_id
        for name in (database, Path(f"{database}-wal"), Path(f"{database}-shm")):
            name.rename(f"{name}.away")
        assert readiness(own_regions)[0] == 503
        assert f"database: {database} is not where it was" in readiness(own_regions)[1]
        with pytest.raises(KmsServiceError) as refused:
            alice.create_key()
        assert refused.value.code == "KMSInternalException"
        assert not database.exists()
        for name in (Path(f"{database}-shm"), Path(f"{database}-wal"), database):
            Path(f"{name}.away").rename(name)
        own_regions.wait_until(lambda: readiness(own_regions)[0] == 200)
        assert alice.describe_key(key_id=before).key_metadata.key_id == before
        after = alice.create_key().key_metadata.key_id
    own_regions.stop(HOME)
    own_regions.start(HOME)
    with own_regions.client() as alice:
        assert {before, after} <= {key.key_id for key in alice.list_keys().keys}


@pytest.mark.deep
def test_a_log_without_its_database_is_a_loss_and_no_beginning(own_regions: Deployment, tmp_path: Path) -> None:
    own_regions.start(HOME)
    own_regions.stop(HOME)
    folder = own_regions.place(HOME).folder
    database, audit = folder / "region.sqlite3", folder / "audit"
    kept = {name: (audit / name).read_bytes() for name in ["audit-keys.json"]}
    database.rename(folder / "kept")
    for arguments in (
        ("serve", "--allow-file-seal"),
        ("region", "init"),
        ("region", "audit-keys"),
        ("region", "restored"),
        ("migrate",),
    ):
        done = run(own_regions, *arguments)
        assert done.returncode == SETUP, done
        told = f"no database at {database}, but {audit} has the log of a Region: put it back where it was; where it is lost, put a backup"
        assert told in done.stderr
        assert not database.exists()
    audit.rename(folder / "kept-log")
    assert run(own_regions, "region", "init").returncode == 0  # another keyring
    audit.rmdir() if audit.exists() else None
    (folder / "kept-log").rename(audit)
    for arguments in (("serve", "--allow-file-seal"), ("region", "init")):
        done = run(own_regions, *arguments)
        assert done.returncode == SETUP, done
        assert f"audit.directory: {audit} has the log of another keyring than the database" in done.stderr
    assert {name: (audit / name).read_bytes() for name in kept} == kept
    database.unlink()
    (folder / "kept").rename(database)
    own_regions.start(HOME)
