"""SOPS: files whose data keys are under keys of a Region, written, read, edited, rotated and moved to other keys."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.aws import environment, kms
from tests.deployment import AWAY, HOME, Deployment
from tests.ecosystem.running import program, run, told, variables

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]

SECRETS = "database:\n    user: shop\n    password: mellon\n"
OPENED = {"database": {"user": "shop", "password": "mellon"}}


@dataclass(frozen=True, slots=True)
class Sops:
    """SOPS in a folder of its own."""

    folder: Path
    environment: dict[str, str]

    def __call__(self, *words: str, text: str = "") -> str:
        return told([*program("sops"), *words], self.environment, text=text)

    def refused(self, *words: str) -> str:
        done = run([*program("sops"), *words], self.environment)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def opened(self, file: Path) -> Any:
        return json.loads(self("decrypt", "--output-type", "json", str(file)))


@pytest.fixture
def sops(two_regions: Deployment, tmp_path: Path) -> Sops:
    """Where there is no settings file of the caller, and no service of keys but the Region."""
    return Sops(tmp_path, variables(tmp_path, SOPS_DISABLE_VERSION_CHECK="1", **environment(two_regions)))


def sealed(sops: Sops, *words: str) -> Path:
    """The secrets in a file of SOPS."""
    plain, file = sops.folder / "plain.yaml", sops.folder / "secrets.yaml"
    plain.write_text(SECRETS)
    file.write_text(sops("encrypt", *words, str(plain)))
    plain.unlink()
    assert "mellon" not in file.read_text()
    return file


def new_key(client: Any) -> str:
    return str(client.create_key()["KeyMetadata"]["Arn"])


def events(regions: Deployment, arn: str) -> list[str]:
    return [record["eventName"] for record in regions.events_of(HOME, arn)]


def test_a_file_is_sealed_and_opened_under_its_context(two_regions: Deployment, sops: Sops) -> None:
    arn = new_key(kms(two_regions))
    file = sealed(sops, "--kms", arn, "--encryption-context", "application:shop")
    assert sops.opened(file) == OPENED
    decrypted = [r for r in two_regions.events_of(HOME, arn) if r["eventName"] == "Decrypt"]
    assert [r["requestParameters"]["encryptionContext"] for r in decrypted] == [{"application": "shop"}]
    file.write_text(file.read_text().replace("application: shop", "application: bank"))
    assert "InvalidCiphertextException" in sops.refused("decrypt", str(file))


def test_an_editor_changes_a_file_under_the_same_data_key(two_regions: Deployment, sops: Sops) -> None:
    arn = new_key(kms(two_regions))
    file = sealed(sops, "--kms", arn)
    editor = sops.folder / "editor"
    editor.write_text('#!/bin/sh\nexec sed -i s/mellon/friend/ "$1"\n')
    editor.chmod(0o755)
    told([*program("sops"), "edit", str(file)], {**sops.environment, "EDITOR": str(editor)})
    assert sops.opened(file) == {"database": {"user": "shop", "password": "friend"}}
    sops("set", str(file), '["database"]["user"]', '"bank"')
    assert sops.opened(file) == {"database": {"user": "bank", "password": "friend"}}
    assert events(two_regions, arn).count("Encrypt") == 1


def test_a_data_key_is_changed_and_the_old_one_is_gone(two_regions: Deployment, sops: Sops) -> None:
    arn = new_key(kms(two_regions))
    file = sealed(sops, "--kms", arn)
    before = file.read_text()
    sops("rotate", "--in-place", str(file))
    assert sops.opened(file) == OPENED
    assert data_key(before) != data_key(file.read_text())
    assert events(two_regions, arn).count("Encrypt") == 2


def data_key(text: str) -> str:
    """The one sealed data key of a file."""
    (found,) = [line for line in text.splitlines() if line.strip().startswith("enc:")]
    return found


def test_a_file_moves_to_another_key(two_regions: Deployment, sops: Sops) -> None:
    aws = kms(two_regions)
    old, new = new_key(aws), new_key(aws)
    file = sealed(sops, "--kms", old)
    (sops.folder / ".sops.yaml").write_text(f"creation_rules:\n  - kms: {new}\n")
    sops("--config", str(sops.folder / ".sops.yaml"), "updatekeys", "--yes", str(file))
    aws.disable_key(KeyId=old)
    assert sops.opened(file) == OPENED
    aws.disable_key(KeyId=new)
    assert "DisabledException" in sops.refused("decrypt", str(file))


def test_another_region_opens_a_file_that_names_it(two_regions: Deployment, sops: Sops) -> None:
    """SOPS asks the Region that the key's ARN names: a file of a lost Region is pointed at the related key of another one."""
    here, there = kms(two_regions), kms(two_regions, AWAY)
    key = here.create_key(MultiRegion=True)["KeyMetadata"]
    here.replicate_key(KeyId=key["KeyId"], ReplicaRegion=AWAY)
    two_regions.wait_until(lambda: there.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Enabled")
    file = sealed(sops, "--kms", key["Arn"])
    file.write_text(file.read_text().replace(key["Arn"], key["Arn"].replace(HOME, AWAY)))
    away = {**sops.environment, **environment(two_regions, AWAY)}
    assert json.loads(told([*program("sops"), "decrypt", "--output-type", "json", str(file)], away)) == OPENED


def test_a_program_gets_secrets_in_its_environment(two_regions: Deployment, sops: Sops) -> None:
    plain = sops.folder / "plain.env"
    plain.write_text("WORD=mellon\n")
    file = sops.folder / "secrets.env"
    file.write_text(sops("encrypt", "--kms", new_key(kms(two_regions)), str(plain)))
    assert os.environ.get("WORD") is None
    assert sops("exec-env", str(file), 'printf %s "$WORD"') == "mellon"
