"""The small encodings that sealed formats are built from, byte for byte as docs/spec/ciphertext.md and the XKS specification have them."""

from __future__ import annotations

from hashlib import sha256

import pytest
from tests.unit.domain.made_keys import ACCOUNT, KEY_ID, key_of

from meridian.domain import double_encryption, xks_layout
from meridian.domain.encoding import length_prefixed, length_prefixed_tuple, read_length_prefixed_tuple, u32, u64
from meridian.domain.encryption_context import canonical_encryption_context, require_few_pairs
from meridian.domain.material_id import material_id
from meridian.errors import ValidationException


def test_a_field_stands_behind_its_length() -> None:
    assert length_prefixed(b"abc") == b"\x00\x03abc"
    assert length_prefixed(b"x" * 65_535)[:2] == b"\xff\xff"
    with pytest.raises(ValueError, match="65535"):
        length_prefixed(b"x" * 65_536)


def test_a_tuple_counts_its_fields() -> None:
    assert length_prefixed_tuple("ä", b"\xff", "") == b"\x03\x00\x02\xc3\xa4\x00\x01\xff\x00\x00"
    assert read_length_prefixed_tuple(length_prefixed_tuple("ä", b"\xff", "")) == ["ä".encode(), b"\xff", b""]
    assert read_length_prefixed_tuple(length_prefixed_tuple()) == []
    most = length_prefixed_tuple(*["x"] * 255)
    assert len(read_length_prefixed_tuple(most)) == 255
    with pytest.raises(ValueError, match="255 fields"):
        length_prefixed_tuple(*["x"] * 256)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no tuple"),
        (b"\x01", "a field is cut"),
        (b"\x01\x00\x02x", "a field is cut"),
        (b"\x02\x00\x01x", "a field is cut"),
        (b"\x01\x00\x01xy", "bytes after the tuple"),
        (b"\x00x", "bytes after the tuple"),
    ],
)
def test_bytes_that_are_not_exactly_one_tuple_are_none(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_length_prefixed_tuple(data)


def test_numbers_are_big_endian() -> None:
    assert (u32(258), u64(258)) == (b"\x00\x00\x01\x02", b"\x00" * 6 + b"\x01\x02")


def test_a_context_is_sorted_by_the_bytes_of_its_keys_and_nothing_is_normalised() -> None:
    assert canonical_encryption_context({}) == b"\x00\x00"
    assert canonical_encryption_context({"b": "2", "B": "é", "a": ""}) == (
        b"\x00\x03" + b"\x00\x01B\x00\x02\xc3\xa9" + b"\x00\x01a\x00\x00" + b"\x00\x01b\x00\x012"
    )


@pytest.mark.parametrize(
    ("context", "what"),
    [
        ({"": "x"}, "has an empty key"),
        ({"a": "x" * 8186}, "is longer than 8192 bytes"),
        ({"a": "x" * 70_000}, "is too large or not text"),
        ({"a": "\ud800"}, "is too large or not text"),
        ({f"{number:x}": "" for number in range(1639)}, "has too many pairs"),
    ],
)
def test_a_context_that_cannot_be_bound_is_refused_by_its_field(context: dict[str, str], what: str) -> None:
    with pytest.raises(ValidationException) as refused:
        canonical_encryption_context(context)
    assert refused.value.fields == (("encryptionContext", what),)
    assert refused.value.message == f"Invalid EncryptionContext: it {what}."


def test_a_context_may_have_what_its_bounds_say() -> None:
    assert len(canonical_encryption_context({"a": "x" * 8185})) == 8192
    require_few_pairs(range(1638))


def test_the_id_of_a_material_is_the_hash_that_every_region_computes() -> None:
    hashed = b"meridian/v1/material-id\x00" + b"\x00\x24" + KEY_ID.encode() + b"\x00\x00\x00\x03key"
    assert material_id(KEY_ID, b"key") == sha256(hashed).hexdigest()


def test_a_ciphertext_names_its_key_and_the_external_key_over_it() -> None:
    identity = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{KEY_ID}".encode()
    assert double_encryption.bound_names(key_of()) == length_prefixed(identity)
    assert double_encryption.bound_names(key_of(xks_key_id="far")) == length_prefixed(identity) + b"\x00\x03far"


def test_an_integrity_value_covers_every_part_in_its_order() -> None:
    value = sha256(b"abcde").digest()
    assert double_encryption.integrity_value(b"a", b"b", b"c", b"d", b"e") == value
    assert xks_layout.integrity_value(b"a", b"b", b"c", b"d", b"e") == value


def test_the_metadata_of_an_exported_key_says_which_material() -> None:
    metadata = xks_layout.metadata_of("0f" * 32)
    assert metadata == b"\x01" + b"\x0f" * 16
    assert xks_layout.material_prefix(metadata) == "0f" * 16
    for other in (b"", metadata[:-1], metadata + b"x", b"\x02" + metadata[1:]):
        assert xks_layout.material_prefix(other) is None


def test_what_is_authenticated_keeps_its_parts_apart() -> None:
    assert xks_layout.authenticated(b"a" * 258, b"mm") == b"\x01\x02" + b"a" * 258 + b"\x02mm"
