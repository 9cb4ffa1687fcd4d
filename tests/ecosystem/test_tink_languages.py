"""Tink for Go and for Java, unchanged, beside Tink for Python: envelopes and keysets go from each language to the next."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
import tink
from tests.ecosystem.conftest import TlsRegion
from tests.ecosystem.java import believing, finding
from tests.ecosystem.running import program, told, variables
from tink import aead
from tink.integration import awskms

pytestmark = [pytest.mark.deep, pytest.mark.timeout(300)]

TEMPLATE = aead.aead_key_templates.AES256_GCM
TENANT = b"of tenant a"

aead.register()


@pytest.mark.parametrize(("name", "language"), [("tink-go", "Go"), ("tink-java", "Java")])
def test_what_one_language_seals_the_other_opens(tls_region: TlsRegion, tmp_path: Path, name: str, language: str) -> None:
    command = program(name)
    if language == "Java":
        command[1:1] = [*believing(tls_region.authority, tmp_path), *finding(tls_region.url, tmp_path)]
    aws = tls_region.kms()
    uri = f"aws-kms://{aws.create_key()['KeyMetadata']['Arn']}"
    remote = awskms.new_client(boto3_client=aws, key_uri=uri).get_aead(uri)
    envelope = aead.KmsEnvelopeAead(TEMPLATE, remote)
    keyset = tink.new_keyset_handle(TEMPLATE)
    given = {
        "KEY_URI": uri,
        "SEALED": b64encode(envelope.encrypt(b"from Python", TENANT)).decode(),
        "KEYSET": tink.json_proto_keyset_format.serialize_encrypted(keyset, remote, TENANT),
    }
    story = json.loads(told(command, variables(tmp_path, **tls_region.environment(), **given)))
    assert (story["opened"], story["refused"]) == ("from Python", True)
    said = f"from {language}".encode()
    assert envelope.decrypt(b64decode(story["sealed"]), TENANT) == said
    again = tink.json_proto_keyset_format.parse_encrypted(story["keyset"], remote, TENANT)
    for handle in (keyset, again):
        assert handle.primitive(aead.Aead).decrypt(b64decode(story["underKeyset"]), TENANT) == said
