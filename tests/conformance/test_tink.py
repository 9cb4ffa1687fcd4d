"""Tink for Python, unchanged: its integration of AWS KMS, by itself and under envelopes and keysets of Tink's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tink
from tests.aws import access_key, environment, kms
from tests.deployment import AWAY, Deployment
from tink import aead
from tink.integration import awskms

PREFIX = "aws-kms://"
TEMPLATE = aead.aead_key_templates.AES256_GCM

aead.register()


def made(client: Any, **fields: Any) -> str:
    return PREFIX + str(client.create_key(**fields)["KeyMetadata"]["Arn"])


def remote(client: Any, uri: str) -> aead.Aead:
    return awskms.new_client(boto3_client=client, key_uri=uri).get_aead(uri)


def test_a_key_is_an_aead_of_tink(two_regions: Deployment) -> None:
    client = kms(two_regions)
    primitive = remote(client, made(client))
    sealed = primitive.encrypt(b"secret", b"of tenant a")
    assert primitive.decrypt(sealed, b"of tenant a") == b"secret"
    with pytest.raises(tink.TinkError, match="InvalidCiphertextException"):
        primitive.decrypt(sealed, b"of tenant b")
    with pytest.raises(tink.TinkError, match="IncorrectKeyException"):
        remote(client, made(client)).decrypt(sealed, b"of tenant a")


def test_associated_data_is_the_encryption_context(two_regions: Deployment) -> None:
    client = kms(two_regions)
    sealed = remote(client, made(client)).encrypt(b"secret", b"\x00\xff")
    assert client.decrypt(CiphertextBlob=sealed, EncryptionContext={"associatedData": "00ff"})["Plaintext"] == b"secret"


def test_the_client_of_the_environment_finds_the_endpoint(two_regions: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in environment(two_regions).items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    key_id, secret = access_key(two_regions, "developer")
    (tmp_path / "credentials").write_text(f"[default]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n")
    uri = made(kms(two_regions))
    primitive = awskms.AwsKmsClient(uri, str(tmp_path / "credentials")).get_aead(uri)
    assert primitive.decrypt(primitive.encrypt(b"secret", b""), b"") == b"secret"


def test_an_envelope_is_opened_under_its_associated_data_only(two_regions: Deployment) -> None:
    client = kms(two_regions)
    uri = made(client)
    message = b"a long message" * 10_000
    sealed = aead.KmsEnvelopeAead(TEMPLATE, remote(client, uri)).encrypt(message, b"of tenant a")
    assert aead.KmsEnvelopeAead(TEMPLATE, remote(client, uri)).decrypt(sealed, b"of tenant a") == message
    with pytest.raises(tink.TinkError):
        aead.KmsEnvelopeAead(TEMPLATE, remote(client, uri)).decrypt(sealed, b"of tenant b")
    with pytest.raises(tink.TinkError):
        aead.KmsEnvelopeAead(TEMPLATE, remote(client, made(client))).decrypt(sealed, b"of tenant a")


def test_an_envelope_crosses_regions_under_a_multi_region_key(two_regions: Deployment) -> None:
    here, there = kms(two_regions), kms(two_regions, AWAY)
    primary = here.create_key(MultiRegion=True)["KeyMetadata"]
    here.replicate_key(KeyId=primary["KeyId"], ReplicaRegion=AWAY)
    two_regions.wait_until(lambda: there.describe_key(KeyId=primary["KeyId"])["KeyMetadata"]["KeyState"] == "Enabled")
    replica = there.describe_key(KeyId=primary["KeyId"])["KeyMetadata"]["Arn"]
    sealed = aead.KmsEnvelopeAead(TEMPLATE, remote(here, PREFIX + primary["Arn"])).encrypt(b"across", b"context")
    assert aead.KmsEnvelopeAead(TEMPLATE, remote(there, PREFIX + replica)).decrypt(sealed, b"context") == b"across"


def test_a_keyset_is_kept_encrypted_until_its_key_is_disabled(two_regions: Deployment) -> None:
    client = kms(two_regions)
    uri = made(client)
    keyset = tink.new_keyset_handle(TEMPLATE)
    kept = tink.json_proto_keyset_format.serialize_encrypted(keyset, remote(client, uri), b"keyset")
    assert set(json.loads(kept)) == {"encryptedKeyset", "keysetInfo"}
    sealed = keyset.primitive(aead.Aead).encrypt(b"secret", b"")
    opened = tink.json_proto_keyset_format.parse_encrypted(kept, remote(client, uri), b"keyset")
    assert opened.primitive(aead.Aead).decrypt(sealed, b"") == b"secret"
    client.disable_key(KeyId=uri.removeprefix(PREFIX))
    with pytest.raises(tink.TinkError, match="DisabledException"):
        tink.json_proto_keyset_format.parse_encrypted(kept, remote(client, uri), b"keyset")
