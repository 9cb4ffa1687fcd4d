"""The formats, byte for byte."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from tests.cache_memory import cache_memory
from tests.known_entropy import KnownEntropy
from tests.reported_events import ReportedEvents
from tests.vectors import independent_decoder

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.crypto import aead
from meridian.domain.ciphertext_blob import SEALED_AT, SUITE_OWN_MATERIAL, header_prefix, parse_ciphertext_blob, with_outer
from meridian.domain.double_encryption import integrity_value
from meridian.domain.encoding import length_prefixed, read_length_prefixed_tuple
from meridian.domain.encryption_context import canonical_encryption_context
from meridian.domain.identifiers import is_multi_region_key_id
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.domain.material_id import material_id
from meridian.domain.secret import Secret
from meridian.engine import box
from meridian.engine.commands import BLOB, SymmetricCommands
from meridian.engine.imports import ImportCommands
from meridian.engine.keyring import Keyring, RowIdentity
from meridian.engine.region_envelopes import ENVELOPE_INFO, decode_meta, encode_meta
from meridian.errors import InvalidCiphertextException


def key_of(case: dict[str, Any]) -> Key:
    """The key of a case, from the ARN in its identity; a multi-Region identity has no Region, so any will do."""
    _, partition, _, region, account, _ = case["identity"].split(":")
    multi = is_multi_region_key_id(case["keyId"])
    return Key(
        partition=partition,
        region=region or "eu-west-1",
        account=account,
        key_id=case["keyId"],
        key_spec=KeySpec.SYMMETRIC_DEFAULT,
        key_usage=KeyUsage.ENCRYPT_DECRYPT,
        origin=Origin.AWS_KMS,
        state=KeyState.ENABLED,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        multi_region=MultiRegionRole(region or "eu-west-1") if multi else None,
    )


def engine_with(material: bytes, key: Key) -> tuple[SymmetricCommands, Key]:
    engine = SymmetricCommands(
        Keyring({1: Secret(bytes(range(32)))}, 1, OsEntropy(), ReportedEvents()), SystemClock(), OsEntropy(), cache_memory()
    )
    return engine, key.with_material(engine.wrap_material(key, material, 0), current=True)


def test_derivation(known: dict[str, Any]) -> None:
    for case in known["kbkdf"]:
        key, label, context = (bytes.fromhex(case[name]) for name in ("key", "label", "context"))
        assert aead.derive(key, label, context, case["lengthBits"] // 8).hex() == case["output"]


def test_a_derivation_key_of_another_length_is_refused() -> None:
    for size in (0, 31, 33, 64):
        with pytest.raises(ValueError, match="32 bytes"):
            aead.derive(bytes(size), BLOB, b"", 64)


def test_material_identifiers(known: dict[str, Any]) -> None:
    for case in known["materialId"]:
        assert material_id(case["keyId"], bytes.fromhex(case["material"])) == case["materialId"]


def test_canonical_encryption_contexts(known: dict[str, Any]) -> None:
    for case in known["encryptionContext"]:
        assert canonical_encryption_context(case["context"]).hex() == case["encoded"]


def test_blobs_open_to_their_plaintext_and_are_made_as_written(known: dict[str, Any]) -> None:
    for case in known["blob"]:
        material, key = bytes.fromhex(case["material"]), key_of(case)
        engine, stored = engine_with(material, key)
        context = canonical_encryption_context(case["encryptionContext"])
        blob = bytes.fromhex(case["blob"])
        assert engine.decrypt(stored, context, parse_ciphertext_blob(blob)).plaintext.hex() == case["plaintext"]
        header = bytes.fromhex(case["header"])
        named = material_id(key.key_id, material)
        prefix = header_prefix(key.number, multi_region=key.multi_region is not None, material_id=named, suite=SUITE_OWN_MATERIAL)
        assert prefix == header[:56]
        rest = length_prefixed(key.identity.encode()) + context
        hashed = aead.transcript(header, rest)
        assert hashed.hex() == case["transcriptHash"]
        commitment, sealed = aead.seal(material, BLOB, header[56:], hashed, bytes.fromhex(case["plaintext"]))
        assert header + commitment + sealed == blob
        assert len(blob) == case["length"]


def _given(nonce: bytes, *_: bytes) -> bytes:
    return nonce


def test_blobs_of_external_key_stores_are_made_as_written_and_open(known: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for case in known["blobExternalStore"]:
        external = replace(key_of(case), origin=Origin.EXTERNAL_KEY_STORE, custom_key_store_id="cks-1", xks_key_id=case["externalKeyId"])
        engine, stored = engine_with(bytes.fromhex(case["material"]), external)
        context = canonical_encryption_context(case["encryptionContext"])
        monkeypatch.setattr("meridian.engine.commands.hedged_nonce", partial(_given, bytes.fromhex(case["nonce"])))
        inner = engine.seal_inner(stored, context, bytes.fromhex(case["plaintext"]))
        assert inner.text[SEALED_AT:].hex() == case["inner"]
        assert inner.binding.hex() == case["aadSentToProxy"]
        blob = parse_ciphertext_blob(bytes.fromhex(case["blob"]))
        assert blob.outer is not None
        assert (blob.outer.iv.hex(), blob.outer.tag.hex()) == (case["iv"], case["tag"])
        assert (blob.outer.metadata.hex(), blob.outer.ciphertext.hex()) == (case["metadata"], case["outer"])
        assert with_outer(inner.text, blob.outer).hex() == case["blob"]
        shown = integrity_value(inner.binding, blob.outer.metadata, blob.outer.iv, blob.outer.ciphertext, blob.outer.tag)
        assert shown.hex() == case["cdiv"]
        opening = engine.opening_inner(stored, context, blob)
        assert opening.binding == inner.binding
        assert opening.open(bytes.fromhex(case["inner"])).plaintext.hex() == case["plaintext"]
        decoded = independent_decoder.open_external_blob(
            bytes.fromhex(case["material"]), bytes.fromhex(case["externalKey"]), case["identity"], case["externalKeyId"],
            case["encryptionContext"], bytes.fromhex(case["blob"]),
        )  # fmt: skip
        assert decoded.hex() == case["plaintext"]


def test_a_blob_of_suite_02_is_read_by_its_lengths_alone(known: dict[str, Any]) -> None:
    good = bytes.fromhex(known["blobExternalStore"][0]["blob"])
    at_metadata = SEALED_AT + 1 + 12 + 16
    broken = [
        good[:SEALED_AT], good[: SEALED_AT + 5], good[: at_metadata + 3], good[:-48], good[:-32], good + bytes(6144),
        good[:4] + b"\x02" + good[5:], good[:5] + b"\x01" + good[6:], good[:3] + b"\x03" + good[4:],
        good[:SEALED_AT] + b"\x0d" + good[SEALED_AT + 1 :], good[:at_metadata] + b"\x15" + good[at_metadata + 1 :],
    ]  # fmt: skip
    for data in broken:
        with pytest.raises(InvalidCiphertextException):
            parse_ciphertext_blob(data)


def stage_of_failure(case: dict[str, Any], base: dict[str, Any]) -> str:
    key = key_of({**base, "identity": case.get("identity", base["identity"])})
    engine, stored = engine_with(bytes.fromhex(base["material"]), key)
    context = canonical_encryption_context(case.get("encryptionContext", base["encryptionContext"]))
    try:
        blob = parse_ciphertext_blob(bytes.fromhex(case["blob"]))
    except InvalidCiphertextException as fault:
        return fault.reason
    if blob.number != key.number:
        return "lookup"  # no key of this number: the pipeline's resolve step
    with pytest.raises(InvalidCiphertextException) as caught:
        engine.decrypt(stored, context, blob)
    assert caught.value.message == ""
    return caught.value.reason


def test_each_altered_blob_fails_at_its_stage(known: dict[str, Any]) -> None:
    bases = {case["name"]: case for case in known["blob"]}
    assert len(known["blobInvalid"]) == 16
    for case in known["blobInvalid"]:
        assert stage_of_failure(case, bases[case["base"]]) == case["fails"], case["name"]


def test_hedged_nonce(known: dict[str, Any]) -> None:
    for case in known["hedge"]:
        rest = length_prefixed(case["identity"].encode()) + canonical_encryption_context(case["encryptionContext"])
        prefix, random = bytes.fromhex(case["headerPrefix56"]), bytes.fromhex(case["random"])
        material, plaintext = bytes.fromhex(case["material"]), bytes.fromhex(case["plaintext"])
        assert aead.hedged_nonce(material, box.HEDGE, random, prefix + rest, plaintext).hex() == case["nonce"]


def test_the_engine_hedges_its_nonces(known: dict[str, Any]) -> None:
    case = known["hedge"][0]
    key_id = "1234abcd-12ab-34cd-56ef-1234567890ab"
    key = key_of({"identity": case["identity"], "keyId": key_id})
    entropy = KnownEntropy(bytes.fromhex(case["random"]))
    engine = SymmetricCommands(Keyring({1: Secret(bytes(32))}, 1, OsEntropy(), ReportedEvents()), SystemClock(), entropy, cache_memory())
    stored = key.with_material(engine.wrap_material(key, bytes.fromhex(case["material"]), 0), current=True)
    context = canonical_encryption_context(case["encryptionContext"])
    blob = engine.encrypt(stored, context, bytes.fromhex(case["plaintext"])).ciphertext_blob
    assert parse_ciphertext_blob(blob).nonce.hex() == case["nonce"]


def row_identity(encoded: bytes) -> RowIdentity:
    fields, at = [], 1
    for _ in range(encoded[0]):
        size = int.from_bytes(encoded[at : at + 2], "big")
        fields.append(encoded[at + 2 : at + 2 + size])
        at += 2 + size
    kind, partition, account, region, key_id, key_spec, origin = (f.decode() for f in fields[:7])
    return RowIdentity(kind, partition, account, region, key_id, key_spec, origin, fields[7], int.from_bytes(fields[8], "big"))


def test_wrapped_rows(known: dict[str, Any]) -> None:
    for case in known["row"]:
        identity = row_identity(bytes.fromhex(case["identity"]))
        assert identity.encoded().hex() == case["identity"]
        ring = Keyring({case["kekNumber"]: Secret(bytes.fromhex(case["kek"]))}, case["kekNumber"], OsEntropy(), ReportedEvents())
        wrapped = bytes.fromhex(case["wrapped"])
        assert ring.unwrap(identity, wrapped).hex() == case["plaintext"]
        for other in (identity._replace(account="444455556666"), identity._replace(row_version=2), identity._replace(kind="x")):
            with pytest.raises(aead.OpenError):
                ring.unwrap(other, wrapped)


def test_import_tokens(known: dict[str, Any]) -> None:
    for case in known["importToken"]:
        kek, number, token = Secret(bytes.fromhex(case["kek"])), case["kekNumber"], bytes.fromhex(case["token"])
        assert box.box_key_number(box.IMPORT_TOKEN, token) == number
        assert box.open_box(box.IMPORT_TOKEN, kek, b"", token).hex() == case["payload"]
        assert box.box_name(box.IMPORT_TOKEN, token).hex() == case["tokenId"]
        arn, algorithm, spec, _, issued, expires = read_length_prefixed_tuple(bytes.fromhex(case["payload"]))
        ring = Keyring({number: kek}, number, OsEntropy(), ReportedEvents())
        opened = ImportCommands(ring, _none(), OsEntropy()).open_import_token(token)
        assert (opened.key_arn, opened.wrapping_algorithm, opened.wrapping_key_spec) == (arn.decode(), algorithm.decode(), spec.decode())
        assert opened.expires_at.timestamp() * 1000 == int.from_bytes(expires, "big") > int.from_bytes(issued, "big")
        for at in range(len(token)):
            with pytest.raises(aead.OpenError):
                box.open_box(box.IMPORT_TOKEN, kek, b"", token[:at] + bytes([token[at] ^ 1]) + token[at + 1 :])


def _none() -> Any:
    """Reading a token needs no other part of the engine."""
    return None


def test_keyring_entries(known: dict[str, Any]) -> None:
    for case in known["kekEntry"]:
        root = Secret(bytes.fromhex(case["root"]))
        opened = box.open_box(box.KEK, root, bytes.fromhex(case["identity"]), bytes.fromhex(case["wrapped"]))
        assert opened.hex() == case["kek"]


def test_transport_meta_and_info(known: dict[str, Any]) -> None:
    for case in known["transport"]:
        meta = bytes.fromhex(case["meta"])
        assert encode_meta(decode_meta(meta)) == meta
        assert (ENVELOPE_INFO + bytes([case["suite"]]) + meta).hex() == case["info"]
        with pytest.raises(ValueError, match="meta"):
            decode_meta(replace_first_count(meta))


def replace_first_count(meta: bytes) -> bytes:
    return bytes([meta[0] - 1]) + meta[1:-10]


def test_audit_leaves(known: dict[str, Any]) -> None:
    for case in known["audit"]:
        leaves = [hashlib.sha256(b"\x00" + line.encode()).hexdigest() for line in case["lines"]]
        assert leaves == case["leafHashes"]


def test_keys_that_differ_in_one_name_do_not_open_each_others_blobs(known: dict[str, Any]) -> None:
    case = known["blob"][0]
    material, key = bytes.fromhex(case["material"]), key_of(case)
    blob = parse_ciphertext_blob(bytes.fromhex(case["blob"]))
    for other in (replace(key, account="444455556666"), replace(key, region="eu-west-1"), replace(key, partition="aws-cn")):
        engine, stored = engine_with(material, other)
        with pytest.raises(InvalidCiphertextException):
            engine.decrypt(stored, canonical_encryption_context(case["encryptionContext"]), blob)
