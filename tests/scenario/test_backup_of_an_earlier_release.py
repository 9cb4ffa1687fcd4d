"""The drill: a backup, an audit log and a seal that the release of the last schema left behind come back under this one. What was encrypted
and signed then is opened and believed now, and its log is shown to be whole. `earlier_release/make.py` made them."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import zstandard
from tests.deployment import DATABASE, HOME, Deployment
from tests.scenario.earlier_release.make import ALIAS, CONTEXT, HERE, MESSAGE, TAG

from meridian.adapters.store_sql.schema import HEAD, REVISIONS
from meridian.cli.exit_codes import OK, SETUP
from meridian.client import errors
from meridian.kms.v1 import types_pb2 as t

KNOWN: dict[str, Any] = json.loads((HERE / "known.json").read_text())


@pytest.fixture
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A Region's place with the old seal and log, and no database."""
    deployment = Deployment(tmp_path_factory.mktemp("earlier"), [HOME]).prepare()
    folder = deployment.place(HOME).folder
    (folder / DATABASE).unlink()
    (folder / "seal").write_bytes(bytes.fromhex((HERE / "seal.hex").read_text()))
    shutil.copytree(HERE / "audit", folder / "audit", dirs_exist_ok=True)
    (folder / "audit").chmod(0o700)
    for path in (folder / "audit").iterdir():
        path.chmod(0o600)
    try:
        yield deployment
    finally:
        deployment.stop_all()


def unpacked(to: Path) -> Path:
    to.write_bytes(zstandard.decompress((HERE / "region.backup.zst").read_bytes()))
    to.chmod(0o600)
    return to


def meridian(region: Deployment, *words: str, code: int = OK) -> str:
    command = [sys.executable, "-m", "meridian", *words, "--config", str(region.place(HOME).settings)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def require_known(region: Deployment) -> None:
    """Everything that the earlier release left works, and goes on."""
    with region.client(HOME, "developer") as developer, region.client(HOME, "app") as app:
        for sealed in KNOWN["ciphertexts"]:
            opened = developer.decrypt(ciphertext_blob=base64.b64decode(sealed["blob"]), encryption_context=CONTEXT)
            assert opened.plaintext.decode() == sealed["plaintext"]
            again = developer.re_encrypt(
                ciphertext_blob=base64.b64decode(sealed["blob"]),
                source_encryption_context=CONTEXT,
                destination_key_id=sealed["key_id"],
            )
            assert developer.decrypt(ciphertext_blob=again.ciphertext_blob).plaintext == opened.plaintext
        with pytest.raises(errors.InvalidCiphertextException):
            developer.decrypt(ciphertext_blob=base64.b64decode(sealed["blob"]), encryption_context={"tenant": "b"})
        for signed in KNOWN["signatures"]:
            signature, algorithm = base64.b64decode(signed["signature"]), signed["algorithm"]
            fields = {"key_id": signed["key_id"], "message": MESSAGE, "signing_algorithm": algorithm}
            assert developer.verify(signature=signature, **fields).signature_valid
            assert developer.verify(signature=developer.sign(**fields).signature, **fields).signature_valid
        mac = base64.b64decode(KNOWN["mac"]["mac"])
        assert developer.verify_mac(key_id=KNOWN["mac"]["key_id"], message=MESSAGE, mac_algorithm="HMAC_SHA_256", mac=mac).mac_valid
        assert developer.describe_key(key_id=ALIAS).key_metadata.key_id == KNOWN["rotated"]
        assert [tag.tag_key for tag in developer.list_resource_tags(key_id=KNOWN["rotated"]).tags] == [TAG]
        assert [grant.grant_id for grant in developer.list_grants(key_id=KNOWN["rotated"]).grants] == [KNOWN["grant"]]
        blob = next(base64.b64decode(each["blob"]) for each in KNOWN["ciphertexts"] if each["key_id"] == KNOWN["rotated"])
        assert app.decrypt(ciphertext_blob=blob, encryption_context=CONTEXT).plaintext
        assert developer.describe_key(key_id=KNOWN["disabled"]).key_metadata.key_state == t.KEY_STATE_DISABLED
        assert len(developer.list_key_rotations(key_id=KNOWN["rotated"]).rotations) == 1


def test_the_backup_is_of_the_last_schema_before_this_one(tmp_path: Path) -> None:
    """When the schema changes, the folder is made anew with the release before."""
    with closing(sqlite3.connect(unpacked(tmp_path / "backup"))) as database:
        (found,) = database.execute("select version_num from alembic_version").fetchone()
    assert found == REVISIONS[-2]


@pytest.mark.deep
def test_a_backup_of_the_earlier_release_is_restored_and_verified(region: Deployment, tmp_path: Path) -> None:
    told = meridian(region, "restore", "--from", str(unpacked(tmp_path / "backup")))
    assert "14 wrapped rows open" in told
    assert "do not" not in told
    region.start(HOME)
    require_known(region)
    meridian(region, "region", "doctor", "--rows")
    assert region.stop(HOME) == 0
    verified = region.verify_audit(HOME)
    assert verified.returncode == OK, verified.stdout
    assert verified.stdout.endswith(" 2 streams\n"), "that of the earlier release, and this one's"
    names = {record["eventName"] for record in region.audit(HOME)}
    assert {"RestoreRegion", "CreateAlias"} <= names, "one log, with what the earlier release wrote"


@pytest.mark.deep
def test_a_database_of_the_earlier_release_is_refused_until_it_is_migrated(region: Deployment) -> None:
    unpacked(region.place(HOME).folder / DATABASE)
    with pytest.raises(AssertionError, match=f"revision {REVISIONS[-2]}, this release needs {HEAD}: run `meridian migrate`"):
        region.start(HOME)
    region.stop_all()
    meridian(region, "backup", "--to", str(region.root / "refused"), code=SETUP)
    meridian(region, "migrate")
    region.start(HOME)
    require_known(region)
    assert region.stop(HOME) == 0
    assert region.verify_audit(HOME).returncode == OK
