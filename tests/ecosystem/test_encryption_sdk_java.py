"""The AWS Encryption SDK for Java, unchanged, beside the one for Python: each opens the other's messages."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path

import aws_encryption_sdk
import botocore.session
import pytest
from aws_encryption_sdk.key_providers.kms import StrictAwsKmsMasterKeyProvider
from tests.ecosystem.conftest import TlsRegion
from tests.ecosystem.java import believing
from tests.ecosystem.running import program, told, variables

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]


def test_a_message_goes_from_each_language_to_the_other(tls_region: TlsRegion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = program("encryption-sdk-java")
    command[1:1] = believing(tls_region.authority, tmp_path)
    for name, value in tls_region.environment().items():
        monkeypatch.setenv(name, value)
    aws, python = tls_region.kms(), aws_encryption_sdk.EncryptionSDKClient()
    key, other = (aws.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    provider = StrictAwsKmsMasterKeyProvider(key_ids=[key], botocore_session=botocore.session.Session())
    sealed, _ = python.encrypt(source=b"from Python", key_provider=provider, encryption_context={"tenant": "a"})
    given = {"KEY_ARN": key, "OTHER_ARN": other, "SEALED": b64encode(sealed).decode()}
    story = json.loads(told(command, variables(tmp_path, **tls_region.environment(), **given)))
    assert (story["opened"], story["refused"]) == ("from Python", True)
    opened, header = python.decrypt(source=b64decode(story["sealed"]), key_provider=provider)
    assert opened == b"from Java"
    assert header.encryption_context.items() >= {"tenant": "a"}.items()
