"""DryRunModifiers IGNORE_CIPHERTEXT: what is sent as a ciphertext is not looked at, and everything else is."""

from __future__ import annotations

import pytest
from tests.conformance.test_bad_input import refuse
from tests.deployment import HOME, Deployment

from meridian.kms.v1 import types_pb2 as t


@pytest.fixture(scope="module")
def key(two_regions: Deployment) -> str:
    with two_regions.client() as alice:
        return str(alice.create_key().key_metadata.key_id)


IGNORED = ["none", "no ciphertext", "of this key", "of another key", "of another context"]


@pytest.mark.parametrize("name", ["Decrypt", "ReEncrypt"])
@pytest.mark.parametrize("sent", IGNORED)
def test_a_dry_run_that_ignores_the_ciphertext_looks_at_none(two_regions: Deployment, key: str, name: str, sent: str) -> None:
    with two_regions.client() as alice, two_regions.client(HOME, "app") as app:
        other = alice.create_key().key_metadata.key_id
        blobs = {
            "no ciphertext": b"a",
            "of this key": app.encrypt(key_id=key, plaintext=b"x").ciphertext_blob,
            "of another key": app.encrypt(key_id=other, plaintext=b"x").ciphertext_blob,
            "of another context": app.encrypt(key_id=key, plaintext=b"x", encryption_context={"a": "b"}).ciphertext_blob,
        }
    named = {"key_id": key} if name == "Decrypt" else {"source_key_id": key, "destination_key_id": other}
    fields = {**named, **({"ciphertext_blob": blobs[sent]} if sent in blobs else {})}
    ignoring = {**fields, "dry_run": True, "dry_run_modifiers": [t.DRY_RUN_MODIFIER_TYPE_IGNORE_CIPHERTEXT]}
    assert refuse(two_regions, "app", name, ignoring).code == "DryRunOperationException"
    wrong_use = {"encryption_algorithm": 2} if name == "Decrypt" else {"source_encryption_algorithm": 2}
    assert refuse(two_regions, "app", name, {**ignoring, **wrong_use}).code == "InvalidKeyUsageException"
