"""The seal `awskms` of Vault and Boundary as they have it, on version 1 of the AWS SDK for Go: a root key is wrapped and unwrapped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.deployment import HOME
from tests.ecosystem.conftest import TlsRegion
from tests.ecosystem.running import program, run, told, variables

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]


def test_a_root_key_is_unwrapped_by_the_next_start(tls_region: TlsRegion, tmp_path: Path) -> None:
    aws = tls_region.kms()
    key = aws.create_key()["KeyMetadata"]
    given = variables(tmp_path, KEY_ID=key["KeyId"], ENDPOINT=tls_region.url, **tls_region.environment())
    story = json.loads(told(program("vault-seal"), given))
    assert story == {"type": "awskms", "keyId": key["KeyId"], "opened": True, "refused": True}
    done = [record["eventName"] for record in tls_region.deployment.events_of(HOME, key["Arn"])]
    assert {"DescribeKey", "Encrypt", "Decrypt"} <= set(done)
    aws.disable_key(KeyId=key["KeyId"])
    assert "DisabledException" in run(program("vault-seal"), given).stderr
