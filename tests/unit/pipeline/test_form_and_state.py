"""Before a key is looked for: the form of a request. After the decision: whether the key can do it now."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.domain.made_keys import ACCOUNT, ARN, FIRST, KEY_ID, MULTI_KEY_ID, NOW, PRIMARY, key_of
from tests.unit.pipeline.steps import call_of

from meridian.call import Call
from meridian.domain.ciphertext_blob import header_prefix, parse_ciphertext_blob
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, Origin
from meridian.errors import (
    DisabledException,
    IncorrectKeyException,
    InvalidKeyUsageException,
    KMSInvalidStateException,
    SerializationException,
    UnsupportedOperationException,
    ValidationException,
)  # fmt: skip
from meridian.kms.v1 import types_pb2 as t
from meridian.pipeline.admit import Admit
from meridian.pipeline.validate import Validate

RSA = {"key_spec": KeySpec.RSA_2048}
SHA_1 = t.ENCRYPTION_ALGORITHM_SPEC_RSAES_OAEP_SHA_1


def refused(call: Call) -> ValidationException:
    with pytest.raises(ValidationException) as caught:
        Validate()(call)
    return caught.value


# ---- form


def test_a_request_that_cannot_be_read_is_told_so_before_anything_else() -> None:
    call = call_of("Encrypt")
    call.malformed = True
    assert refused(call).fields == (("request", "cannot be read"),)
    call.refusal = SerializationException("why")
    with pytest.raises(SerializationException, match="why"):
        Validate()(call)


@pytest.mark.parametrize("text", ["", "a b", "é", "x" * 129])
def test_a_callers_own_id_has_its_form(text: str) -> None:
    call = call_of("Encrypt", key_id=KEY_ID, plaintext=b"x")
    call.evidence.caller_request_id = text
    assert refused(call).fields == (("x-meridian-caller-request-id", "must have 1 to 128 characters, each a visible one of ASCII"),)
    call.evidence.caller_request_id = "x" * 128
    Validate()(call)


def test_all_faults_of_fields_are_told_at_once_and_then_those_between_fields() -> None:
    both = refused(call_of("Encrypt"))
    assert both.message.startswith("2 validation errors detected: ")
    assert {name for name, _ in both.fields} == {"keyId", "plaintext"}
    size = refused(call_of("GenerateDataKey", key_id=KEY_ID))
    assert size.fields == (("keySpec", "missing"),)


def test_each_encryption_context_is_read_once_for_all_who_ask() -> None:
    call = call_of("ReEncrypt", ciphertext_blob=b"x", destination_key_id=KEY_ID, source_encryption_context={"a": "b"})
    Validate()(call)
    assert call.contexts == {"source_encryption_context": {"a": "b"}, "destination_encryption_context": {}}
    assert call.canonical_context == {
        "source_encryption_context": b"\x00\x01\x00\x01a\x00\x01b", "destination_encryption_context": b"\x00\x00",
    }  # fmt: skip
    none = call_of("DescribeKey", key_id=KEY_ID)
    Validate()(none)
    assert (none.contexts, none.canonical_context) == ({}, {})
    assert "empty key" in refused(call_of("Encrypt", key_id=KEY_ID, plaintext=b"x", encryption_context={"": "x"})).message


def test_one_step_checks_requests_of_every_operation() -> None:
    step, plain = Validate(), dict[str, Any]()
    encrypt: dict[str, Any] = {"plaintext": b"x", "encryption_context": {"a": "b"}}
    for operation, fields in (("DescribeKey", plain), ("Encrypt", encrypt), ("DescribeKey", plain)):
        call = call_of(operation, key_id=KEY_ID, **fields)
        step(call)
        assert list(call.contexts) == list(call.canonical_context) == (["encryption_context"] if fields else [])


@pytest.mark.parametrize("dry", [False, True])
def test_a_dry_run_is_known_from_here_on(dry: bool) -> None:
    call = call_of("Encrypt", key_id=KEY_ID, plaintext=b"x", dry_run=dry)
    Validate()(call)
    assert call.dry_run is dry


# ---- state


def admit(operation: str, keys: dict[str, Key], **fields: Any) -> Call:
    call = call_of(operation, **fields)
    call.keys = keys
    Admit()(call)
    return call


@pytest.mark.parametrize(
    ("operation", "changes", "fault"),
    [
        ("Encrypt", {"state": KeyState.DISABLED, "key_usage": KeyUsage.SIGN_VERIFY}, DisabledException),
        ("Encrypt", {"key_usage": KeyUsage.SIGN_VERIFY}, InvalidKeyUsageException),
        ("RotateKeyOnDemand", {"state": KeyState.DISABLED, "origin": Origin.EXTERNAL_KEY_STORE}, UnsupportedOperationException),
        ("RotateKeyOnDemand", {"state": KeyState.DISABLED, **RSA}, DisabledException),
        ("RotateKeyOnDemand", RSA, UnsupportedOperationException),
    ],
)
def test_management_asks_for_what_never_works_first_and_cryptography_for_the_state(
    operation: str, changes: dict[str, Any], fault: type[Exception]
) -> None:
    admit(operation, {"key_id": key_of()})
    with pytest.raises(fault):
        admit(operation, {"key_id": key_of(**changes)})


def test_material_past_its_time_is_not_used_even_before_it_is_deleted() -> None:
    expired = key_of(origin=Origin.EXTERNAL, materials=(replace(FIRST, expires_at=NOW),))
    with pytest.raises(KMSInvalidStateException) as refusal:
        admit("Encrypt", {"key_id": expired})
    assert (refusal.value.message, refusal.value.key_arn) == (f"{ARN} is pending import.", ARN)
    later = replace(FIRST, expires_at=NOW + timedelta(seconds=1))
    admit("Encrypt", {"key_id": key_of(origin=Origin.EXTERNAL, materials=(later,))})
    admit("DescribeKey", {"key_id": expired})


def test_the_key_that_an_alias_leaves_may_be_in_any_state() -> None:
    ending = key_of(state=KeyState.PENDING_DELETION)
    admit("UpdateAlias", {"alias_name": ending, "target_key_id": key_of()})
    admit("DeleteAlias", {"alias_name": ending})
    with pytest.raises(KMSInvalidStateException):
        admit("UpdateAlias", {"alias_name": key_of(), "target_key_id": ending})


@pytest.mark.parametrize(
    ("changes", "named"),
    [({}, True), ({"key_id": KEY_ID.replace("a", "b")}, False), ({"multi_region": PRIMARY}, False), ({"key_id": MULTI_KEY_ID}, True)],
)
def test_a_ciphertext_is_of_the_key_that_the_request_names(changes: dict[str, Any], named: bool) -> None:
    for operation, field in (("Decrypt", "key_id"), ("ReEncrypt", "source_key_id")):
        call = call_of(operation)
        call.blob = parse_ciphertext_blob(header_prefix(key_of().number, multi_region=False, material_id="a" * 64, suite=1) + b"x" * 90)
        call.keys = {field: key_of(**changes)}
        if named:
            Admit()(call)
        else:
            with pytest.raises(IncorrectKeyException) as refusal:
                Admit()(call)
            assert refusal.value.reason == "the ciphertext names another key"


def test_the_key_that_takes_a_re_encrypted_text_is_any_key() -> None:
    call = call_of("ReEncrypt")
    call.blob = parse_ciphertext_blob(header_prefix(key_of().number, multi_region=False, material_id="a" * 64, suite=1) + b"x" * 90)
    call.keys = {"source_key_id": key_of(), "destination_key_id": key_of(key_id=KEY_ID.replace("a", "b"))}
    Admit()(call)


@pytest.mark.parametrize(
    ("operation", "field", "algorithm"),
    [
        ("Encrypt", "key_id", "encryption_algorithm"),
        ("Decrypt", "key_id", "encryption_algorithm"),
        ("ReEncrypt", "source_key_id", "source_encryption_algorithm"),
        ("ReEncrypt", "destination_key_id", "destination_encryption_algorithm"),
    ],
)
def test_the_algorithm_is_that_of_the_request_and_else_the_symmetric_one(operation: str, field: str, algorithm: str) -> None:
    rsa = key_of(**RSA)
    admit(operation, {field: rsa}, **{algorithm: SHA_1})
    admit(operation, {field: key_of()})
    for key, fields in ((rsa, {}), (key_of(), {algorithm: SHA_1})):
        with pytest.raises(InvalidKeyUsageException):
            admit(operation, {field: key}, **fields)


def test_every_key_of_a_call_is_asked() -> None:
    with pytest.raises(DisabledException):
        admit("ReEncrypt", {"source_key_id": key_of(), "destination_key_id": key_of(state=KeyState.DISABLED)})
    assert ACCOUNT in ARN
