"""Keys derived for exports: the bytes of docs/spec/external-keys.md, made again with another library."""

from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from struct import pack
from typing import Any

import pytest
from Crypto.Cipher import AES
from tests.known_entropy import KnownEntropy

from meridian.domain.key import Key, KeyMaterial, KeySpec, KeyState, KeyUsage, Origin
from meridian.domain.xks import is_prefix, place_of
from meridian.domain.xks_layout import integrity_value
from meridian.engine.export_cipher import DerivedExportCipher
from meridian.errors import InvalidCiphertextException

MATERIALS = {"aa" * 32: bytes(range(32)), "bb" * 32: bytes(range(32, 64))}
AAD = b"associated"


class Known:
    """Materials by their ids."""

    def material_bytes(self, key: Key, material: KeyMaterial) -> bytes:
        return MATERIALS[material.material_id]


def key(current: str = "aa" * 32) -> Key:
    materials = tuple(KeyMaterial(name, number, 1, b"sealed") for number, name in enumerate(MATERIALS))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = Key(
        "aws",
        "us-east-1",
        "111122223333",
        "0" * 8,
        KeySpec.SYMMETRIC_DEFAULT,
        KeyUsage.ENCRYPT_DECRYPT,
        Origin.AWS_KMS,
        KeyState.ENABLED,
        now,
    )
    return replace(made, current_material_id=current, materials=materials)


def cipher() -> DerivedExportCipher:
    known: Any = Known()
    return DerivedExportCipher(known, KnownEntropy(b"\x07" * 64))


def derived(secret: bytes, label: bytes, context: bytes) -> bytes:
    return hmac.digest(secret, pack(">I", 1) + label + b"\0" + context + pack(">I", 256), "sha256")


def test_the_bytes_are_those_of_the_page() -> None:
    made, material_id = cipher().encrypt(key(), "export-1", b"plaintext", AAD)
    assert (material_id, made.metadata) == ("aa" * 32, b"\x01" + b"\xaa" * 16)
    bound = pack(">H", len(AAD)) + AAD + bytes([17]) + made.metadata
    export_key = derived(MATERIALS["aa" * 32], b"meridian/v1/xks-export", b"export-1")
    hedged = b"\x07" * 32 + sha256(bound).digest() + sha256(b"plaintext").digest()
    assert made.iv == derived(export_key, b"meridian/v1/xks-iv", hedged)[:16]
    gcm = AES.new(derived(export_key, b"meridian/v1/xks-message", made.iv), AES.MODE_GCM, nonce=bytes(12))
    gcm.update(bound)
    assert gcm.decrypt_and_verify(made.ciphertext, made.tag) == b"plaintext"


def test_a_generator_that_repeats_itself_repeats_no_vector_for_another_message() -> None:
    vectors = {cipher().encrypt(key(), "export-1", text, aad)[0].iv for text, aad in ((b"a", b""), (b"b", b""), (b"a", b"x"))}
    assert len(vectors) == 3


def test_each_export_and_each_material_has_its_own_key() -> None:
    made, _ = cipher().encrypt(key(), "export-1", b"plaintext", AAD)
    assert cipher().decrypt(key("bb" * 32), "export-1", made, AAD) == (b"plaintext", "aa" * 32)
    for export_id, sealed in (("export-2", made), ("export-1", replace(made, metadata=b"\x01" + b"\xbb" * 16))):
        with pytest.raises(InvalidCiphertextException):
            cipher().decrypt(key(), export_id, sealed, AAD)


@pytest.mark.parametrize("metadata", [b"", b"\x02" + b"\xaa" * 16, b"\x01" + b"\xaa" * 15, b"\x01" + b"\xaa" * 17, b"\x01" + b"\xcc" * 16])
def test_metadata_of_another_form_names_no_material(metadata: bytes) -> None:
    made, _ = cipher().encrypt(key(), "export-1", b"plaintext", AAD)
    with pytest.raises(InvalidCiphertextException):
        cipher().decrypt(key(), "export-1", replace(made, metadata=metadata), AAD)


def test_two_materials_that_begin_alike_are_not_guessed_between() -> None:
    twins = tuple(KeyMaterial("aa" * 16 + tail * 16, number, 1, b"sealed") for number, tail in enumerate(("01", "02")))
    made, _ = cipher().encrypt(key(), "export-1", b"plaintext", AAD)
    with pytest.raises(InvalidCiphertextException):
        cipher().decrypt(replace(key(), materials=twins), "export-1", made, AAD)


def test_the_integrity_value_of_the_specifications_example() -> None:
    from base64 import b64decode as read

    value = integrity_value(
        b"project=nile,department=marketing",
        b"key_version=1",
        read("HMrlRw85cAJUd5Ax"),
        read("ghxkK1txeDNn3q8Y"),
        read("vBxN2ncH1oEkR8WVXpmyYQ=="),
    )
    assert value == read("qHA/ImC9h5HsLRXqCyPmWgYx7tzyoTplzILbP0fPXsc=")


@pytest.mark.parametrize("prefix", ["", "/a", "/a/b-c_D", "/" + "a" * 116])
def test_prefixes_that_are_one(prefix: str) -> None:
    assert is_prefix(prefix)
    place = place_of(f"{prefix}/kms/xks/v1/keys/k.1/decrypt")
    assert place is not None
    assert (place.prefix, place.export_id, place.call) == (prefix, "k.1", "decrypt")


@pytest.mark.parametrize(
    "prefix", ["/", "a", "/a/", "//a", "/a//b", "/a.b", "/ä", "/a\n", "/kms/xks/v1", "/x/kms/xks/v1/y", "/" + "a" * 117]
)
def test_prefixes_that_are_none(prefix: str) -> None:
    assert not is_prefix(prefix)
