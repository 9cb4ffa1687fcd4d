"""The command line of the AWS Encryption SDK, unchanged, on files and directories.

It needs an older AWS Encryption SDK than `test_encryption_sdk.py` uses, so it has an environment of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pytest
from tests.aws import environment, kms
from tests.deployment import AWAY, HOME, Deployment
from tests.installing import install

UV = Path(sys.executable).with_name("uv")
LOCK = Path(__file__).with_name("encryption_sdk_cli") / "requirements.lock"
MESSAGE = "a long message\n" * 1000


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, in an environment made from its lock file."""
    folder = tmp_path_factory.mktemp("clients") / "encryption_sdk_cli"
    name = "the command line of the AWS Encryption SDK"
    install(name, [UV, "venv", "--python", sys.executable, folder], folder.parent)
    install(name, [UV, "pip", "install", "--python", folder, "--require-hashes", "-r", LOCK], folder.parent)
    return folder / "bin" / "aws-encryption-cli"


def run(program: Path, deployment: Deployment, *arguments: str | Path, region: str = HOME) -> subprocess.CompletedProcess[str]:
    here = {**os.environ, **environment(deployment, region)}
    return subprocess.run([program, *arguments], env=here, capture_output=True, text=True, timeout=60, check=False)


def test_a_file_is_encrypted_and_decrypted_under_its_context(program: Path, two_regions: Deployment, tmp_path: Path) -> None:
    key = kms(two_regions).create_key()["KeyMetadata"]["Arn"]
    plain, sealed, opened, notes = (tmp_path / name for name in ("plain", "sealed", "opened", "notes"))
    plain.write_text(MESSAGE)
    wrapped: list[str | Path] = ["--wrapping-keys", f"key={key}", "--encryption-context", "tenant=a", "--metadata-output", notes]
    done = run(program, two_regions, "--encrypt", "--input", plain, "--output", sealed, *wrapped)
    assert done.returncode == 0, done.stderr
    assert b"a long message" not in sealed.read_bytes()
    (data_key,) = json.loads(notes.read_text())["header"]["encrypted_data_keys"]
    assert b64decode(data_key["key_provider"]["key_info"]).decode() == key
    done = run(program, two_regions, "--decrypt", "--input", sealed, "--output", opened, *wrapped)
    assert done.returncode == 0, done.stderr
    assert opened.read_text() == MESSAGE


def test_a_file_whose_context_was_changed_is_refused_by_the_service(program: Path, two_regions: Deployment, tmp_path: Path) -> None:
    key = kms(two_regions).create_key()["KeyMetadata"]["Arn"]
    plain, sealed, opened = (tmp_path / name for name in ("plain", "sealed", "opened"))
    plain.write_text(MESSAGE)
    wrapped: list[str | Path] = ["--wrapping-keys", f"key={key}", "--suppress-metadata", "-vvvv"]
    done = run(program, two_regions, "--encrypt", "--input", plain, "--output", sealed, "-c", "tenant=first", *wrapped)
    assert done.returncode == 0, done.stderr
    assert sealed.read_bytes().count(b"first") == 1
    sealed.write_bytes(sealed.read_bytes().replace(b"first", b"other"))
    done = run(program, two_regions, "--decrypt", "--input", sealed, "--output", opened, *wrapped)
    assert done.returncode != 0
    assert "InvalidCiphertextException" in done.stderr
    assert not opened.exists()


def test_a_file_crosses_regions_under_a_multi_region_key(program: Path, two_regions: Deployment, tmp_path: Path) -> None:
    here, there = kms(two_regions), kms(two_regions, AWAY)
    primary = here.create_key(MultiRegion=True)["KeyMetadata"]
    here.replicate_key(KeyId=primary["KeyId"], ReplicaRegion=AWAY)
    two_regions.wait_until(lambda: there.describe_key(KeyId=primary["KeyId"])["KeyMetadata"]["KeyState"] == "Enabled")
    replica = there.describe_key(KeyId=primary["KeyId"])["KeyMetadata"]["Arn"]
    plain, sealed, opened = (tmp_path / name for name in ("plain", "sealed", "opened"))
    plain.write_text(MESSAGE)
    to_seal: list[str | Path] = ["--encrypt", "--input", plain, "--output", sealed, "--wrapping-keys", f"key={primary['Arn']}"]
    to_open: list[str | Path] = ["--decrypt", "--input", sealed, "--output", opened, "--wrapping-keys", f"key={replica}"]
    for arguments, region in ((to_seal, HOME), (to_open, AWAY)):
        done = run(program, two_regions, *arguments, "--suppress-metadata", region=region)
        assert done.returncode == 0, done.stderr
    assert opened.read_text() == MESSAGE


def test_a_directory_is_opened_by_discovery(program: Path, two_regions: Deployment, tmp_path: Path) -> None:
    key = kms(two_regions).create_key()["KeyMetadata"]["Arn"]
    plain, sealed, opened = (tmp_path / name for name in ("plain", "sealed", "opened"))
    for folder in (plain / "inner", sealed, opened):
        folder.mkdir(parents=True)
    (plain / "one").write_text("first")
    (plain / "inner" / "two").write_text("second")
    found = ["discovery=true", f"region={HOME}", "discovery-account=111122223333", "discovery-partition=aws"]
    to_seal: list[str | Path] = ["--encrypt", "--input", plain, "--output", sealed, "--wrapping-keys", f"key={key}"]
    to_open: list[str | Path] = ["--decrypt", "--input", sealed, "--output", opened, "--wrapping-keys", *found]
    for arguments in (to_seal, to_open):
        done = run(program, two_regions, *arguments, "--recursive", "--suppress-metadata")
        assert done.returncode == 0, done.stderr
    texts = {path.name: path.read_text() for path in opened.rglob("*") if path.is_file()}
    assert texts == {"one.encrypted.decrypted": "first", "two.encrypted.decrypted": "second"}
