"""The bytes of a ciphertext, as docs/spec/ciphertext.md lays them out."""

from __future__ import annotations

import pytest

from meridian.domain.ciphertext_blob import OuterText, header_prefix, parse_ciphertext_blob, with_outer
from meridian.errors import InvalidCiphertextException

NUMBER, MATERIAL_ID = bytes(range(16)), bytes(range(32)).hex()
NONCE, COMMITMENT, SEALED = b"n" * 32, b"c" * 32, b"ciphertext" + b"t" * 16
SINGLE, MULTI = bytes.fromhex("4d4b010101000000"), bytes.fromhex("4d4b010102000000")
EXTERNAL, TOKEN = bytes.fromhex("4d4b010201000000"), bytes.fromhex("4d4b010301000000")
REST = NUMBER + bytes.fromhex(MATERIAL_ID) + NONCE + COMMITMENT
OUTER = OuterText(b"i" * 12, b"o" * 16, b"metadata", b"x" * 17)
MOST = 6144


def outer_bytes(iv: int = 12, metadata: int = 8, ciphertext: int = 17) -> bytes:
    return bytes([iv]) + b"i" * iv + b"o" * 16 + bytes([metadata]) + b"m" * metadata + b"x" * ciphertext


def refused(data: bytes) -> None:
    with pytest.raises(InvalidCiphertextException) as fault:
        parse_ciphertext_blob(data)
    assert (fault.value.message, fault.value.reason) == ("", "parse")


@pytest.mark.parametrize(
    ("start", "multi_region", "key_id"),
    [(SINGLE, False, "00010203-0405-0607-0809-0a0b0c0d0e0f"), (MULTI, True, "mrk-000102030405060708090a0b0c0d0e0f")],
)
def test_a_blob_is_taken_apart_by_its_offsets(start: bytes, multi_region: bool, key_id: str) -> None:
    blob = parse_ciphertext_blob(start + REST + SEALED)
    assert (blob.multi_region, blob.number, blob.material_id, blob.key_id) == (multi_region, NUMBER, MATERIAL_ID, key_id)
    assert (blob.nonce, blob.commitment, blob.sealed_bytes) == (NONCE, COMMITMENT, SEALED)
    assert (blob.header, blob.suite, blob.outer) == (start + NUMBER + bytes.fromhex(MATERIAL_ID) + NONCE, 1, None)


@pytest.mark.parametrize(("multi_region", "start"), [(False, SINGLE), (True, MULTI)])
def test_a_header_begins_as_the_blob_is_read(multi_region: bool, start: bytes) -> None:
    prefix = header_prefix(NUMBER, multi_region=multi_region, material_id=MATERIAL_ID, suite=1)
    assert prefix == start + NUMBER + bytes.fromhex(MATERIAL_ID)


def test_a_blob_holds_a_text_and_is_no_longer_than_a_request_takes() -> None:
    shortest = parse_ciphertext_blob(SINGLE + REST + b"x" * 17)
    assert shortest.sealed_bytes == b"x" * 17
    refused(SINGLE + REST + b"x" * 16)
    longest = SINGLE + REST
    longest += b"x" * (MOST - len(longest))
    assert len(parse_ciphertext_blob(longest).sealed_bytes) == MOST - 120
    refused(longest + b"x")


@pytest.mark.parametrize(
    "start",
    [b"MK", b"X" + SINGLE[1:], b"MK\x02" + SINGLE[3:], b"MK\x01\x04" + SINGLE[4:], b"MK\x01\x01\x03" + bytes(3), SINGLE[:7] + b"\1"],
)
def test_what_begins_otherwise_is_no_blob(start: bytes) -> None:
    refused(start + REST + SEALED)


def test_a_text_of_two_locks_keeps_the_outer_one_for_its_manager() -> None:
    whole = with_outer(EXTERNAL + REST + SEALED, OUTER)
    assert whole == EXTERNAL + REST + b"\x0c" + b"i" * 12 + b"o" * 16 + b"\x08" + b"metadata" + b"x" * 17
    blob = parse_ciphertext_blob(whole)
    assert (blob.outer, blob.sealed_bytes, blob.suite, blob.multi_region) == (OUTER, b"", 2, False)
    opened = blob.opened_outside(b"opened")
    assert (opened.outer, opened.sealed_bytes, opened.header) == (None, b"opened", blob.header)


@pytest.mark.parametrize(("iv", "metadata", "ciphertext"), [(12, 0, 17), (16, 20, 17), (12, 20, 4112), (16, 0, 4112)])
def test_the_parts_of_the_outer_text_have_their_lengths(iv: int, metadata: int, ciphertext: int) -> None:
    blob = parse_ciphertext_blob(EXTERNAL + REST + outer_bytes(iv, metadata, ciphertext))
    assert blob.outer == OuterText(b"i" * iv, b"o" * 16, b"m" * metadata, b"x" * ciphertext)


@pytest.mark.parametrize(
    ("iv", "metadata", "ciphertext"), [(11, 0, 17), (13, 0, 17), (17, 0, 17), (12, 21, 17), (12, 0, 16), (16, 20, 4113), (0, 0, 17)]
)
def test_an_outer_text_of_other_lengths_is_none(iv: int, metadata: int, ciphertext: int) -> None:
    refused(EXTERNAL + REST + outer_bytes(iv, metadata, ciphertext))


@pytest.mark.parametrize("cut", [0, 1, 13, 29, 30, 37, 38])
def test_an_outer_text_that_is_cut_is_none(cut: int) -> None:
    refused(EXTERNAL + REST + outer_bytes()[:cut])


def test_a_token_has_one_length_of_iv_and_no_metadata() -> None:
    blob = parse_ciphertext_blob(TOKEN + REST + outer_bytes(12, 0))
    assert (blob.suite, blob.outer) == (3, OuterText(b"i" * 12, b"o" * 16, b"", b"x" * 17))
    refused(TOKEN + REST + outer_bytes(16, 0))
    refused(TOKEN + REST + outer_bytes(12, 1))
