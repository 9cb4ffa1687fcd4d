"""The AWS SDKs of other languages, unchanged: each tells one story, a program in `programs/`; what one SDK seals the next opens."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from tests.deployment import HOME
from tests.ecosystem.conftest import TlsRegion
from tests.ecosystem.java import believing
from tests.ecosystem.running import program, told, variables

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]

TENANT = {"tenant": "a"}
LANGUAGES: Mapping[str, tuple[str, str]] = {
    "sdk-go": ("Go", "aws-sdk-go-v2/"),
    "sdk-java": ("Java", "aws-sdk-java/2"),
    "sdk-rust": ("Rust", "aws-sdk-rust/"),
}
"""THE table: of each program its language, and how it begins to say what it is."""
EXPECTED = {
    "described": True,
    "tags": 3,
    "opened": "from boto3",
    "refused": "InvalidCiphertextException",
    "dataKey": True,
    "disabled": "DisabledException",
    "absent": "NotFoundException",
    "mac": "KMSInvalidMacException",
}


@pytest.mark.parametrize("name", LANGUAGES)
def test_it_tells_its_story(tls_region: TlsRegion, tmp_path: Path, name: str) -> None:
    language, agent = LANGUAGES[name]
    aws, command = tls_region.kms(), program(name)
    if language == "Java":
        command[1:1] = believing(tls_region.authority, tmp_path)
    key = aws.create_key()["KeyMetadata"]["KeyId"]
    blob = aws.encrypt(KeyId=key, Plaintext=b"from boto3", EncryptionContext=TENANT)["CiphertextBlob"]
    given = variables(tmp_path, SEALED=b64encode(blob).decode(), SSL_CERT_FILE=str(tls_region.authority), **tls_region.environment())
    story = json.loads(told(command, given))
    opened = aws.decrypt(CiphertextBlob=b64decode(story.pop("sealed")), EncryptionContext=TENANT)
    assert opened["Plaintext"] == f"from {language}".encode()
    _verify(story.pop("publicKey"), story.pop("signature"))
    assert story == EXPECTED
    agents = {str(record.get("userAgent", "")) for record in tls_region.deployment.audit(HOME) if record["eventName"] == "VerifyMac"}
    assert any(each.startswith(agent) for each in agents), agents


def _verify(public_key: Any, signature: Any) -> None:
    """Outside of every KMS."""
    key = load_der_public_key(b64decode(public_key))
    assert isinstance(key, EllipticCurvePublicKey)
    key.verify(b64decode(signature), b"a message", ECDSA(SHA256()))
