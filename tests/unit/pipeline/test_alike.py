"""Items of a batch that ask for the same: what counts as the same, what is taken over, and what stays each item's own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor

from meridian.call import Call, Evidence
from meridian.contract.batches import item_rpcs, payload_fields
from meridian.contract.catalog import Rpc, is_map
from meridian.contract.fields import descriptor_of
from meridian.domain.ciphertext_blob import NAMED_BYTES, OVERHEAD_BYTES, SUITE_OWN_MATERIAL, header_prefix
from meridian.domain.policy_decision import PolicyDecision
from meridian.errors import InvalidCiphertextException, ValidationException
from meridian.kms.v1.types_pb2 import ENCRYPTION_ALGORITHM_SPEC_RSAES_OAEP_SHA_256
from meridian.pipeline.alike import Turn, asked_by

ITEMS: dict[str, Rpc] = {rpc.name: rpc for rpc in item_rpcs().values()}
NOW = datetime(2026, 11, 27, tzinfo=UTC)
VALUES: dict[int, Any] = {
    FieldDescriptor.TYPE_STRING: "x",
    FieldDescriptor.TYPE_BYTES: b"x",
    FieldDescriptor.TYPE_ENUM: 2,
    FieldDescriptor.TYPE_BOOL: True,
    FieldDescriptor.TYPE_INT32: 7,
}


def uncounted(_: Iterable[PolicyDecision]) -> None:
    """Where counts are not what is tested."""


def ciphertext(number: bytes = bytes(16), *, multi_region: bool = False, nonce: bytes = b"n") -> bytes:
    prefix = header_prefix(number, multi_region=multi_region, material_id="00" * 32, suite=SUITE_OWN_MATERIAL)
    return prefix + nonce * (OVERHEAD_BYTES - len(prefix) + 1)


def call_of(rpc: Rpc, payload: bytes | None = None) -> Call:
    request: Any = rpc.request_class()
    if payload_fields()[rpc.name]:
        setattr(request, payload_fields()[rpc.name], ciphertext() if payload is None else payload)
    return Call(rpc, request, Evidence(), "r", NOW)


def changed(request: Any, field: FieldDescriptor) -> None:
    """Let the field say something."""
    if is_map(field):
        getattr(request, field.name)["a"] = "b"
    elif field.is_repeated:
        getattr(request, field.name).append(VALUES[field.type])
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        getattr(request, field.name).SetInParent()
    else:
        setattr(request, field.name, VALUES[field.type])


FIELDS = [(name, field) for name, rpc in ITEMS.items() for field in descriptor_of(rpc.request_class).fields]


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=[f"{name}.{field.name}" for name, field in FIELDS])
def test_every_field_but_the_payload_makes_another_question(name: str, field: FieldDescriptor) -> None:
    rpc = ITEMS[name]
    call, plain = call_of(rpc), call_of(rpc)
    is_payload = field.name == payload_fields()[rpc.name]
    if is_payload:
        setattr(call.request, field.name, ciphertext(nonce=b"m"))
    else:
        changed(call.request, field)
    before = call.request.SerializeToString(deterministic=True)
    assert (asked_by(call) == asked_by(plain)) is is_payload
    assert call.request.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize("name", [name for name, rpc in ITEMS.items() if rpc.ciphertext_key_field])
def test_ciphertexts_of_two_keys_are_two_questions(name: str) -> None:
    rpc = ITEMS[name]
    blobs = [ciphertext(), ciphertext(b"1" * 16), ciphertext(multi_region=True), b"x" * 24]
    assert len({asked_by(call_of(rpc, blob)) for blob in blobs}) == len(blobs)


def test_a_short_ciphertext_is_no_question_that_another_field_could_ask() -> None:
    rpc, rsa = ITEMS["Decrypt"], ENCRYPTION_ALGORITHM_SPEC_RSAES_OAEP_SHA_256
    dry = rpc.request_class(dry_run=True).SerializeToString()
    whole, short = call_of(rpc, dry + b"x" * 254), call_of(rpc, b"x" * (NAMED_BYTES - len(dry)))
    for call in (whole, short):
        request: Any = call.request
        request.key_id, request.encryption_algorithm = "k", rsa
    changed(short.request, descriptor_of(rpc.request_class).fields_by_name["dry_run"])
    assert asked_by(whole) is not None
    assert asked_by(short) is None


def test_a_payload_that_is_absent_is_no_question() -> None:
    rpc = ITEMS["Encrypt"]
    assert asked_by(Call(rpc, rpc.request_class(), Evidence(), "r", NOW)) is None


OWN = {
    "audit_data",
    "error",
    "evidence",
    "item",
    "principal",
    "received_at",
    "refusal",
    "request",
    "request_id",
    "response_elements",
    "rpc",
    "started",
    "wait_outside",
    "why_cut",
    "write_answer",
    "malformed",
}
"""What an item of a batch has from its beginning, or makes itself after the decision."""
OF_OTHERS = {
    "absent",
    "change_token",
    "ended_grant_id",
    "event_recorded",
    "grant",
    "key_store_type",
    "policy_document",
    "policy_warnings",
    "prepare",
    "prospective",
    "repeat_of",
    "trailing_days_without_key_usage",
}
"""What no call that may be an item of a batch has, once it may have what it asks for."""


def test_everything_that_was_found_is_taken_over() -> None:
    rpc = ITEMS["Decrypt"]
    known, call = call_of(rpc), call_of(rpc, ciphertext(nonce=b"m"))
    found = set(Call.__slots__) - OWN - OF_OTHERS
    counted: list[PolicyDecision] = []
    turn, decision = Turn(counted.extend), PolicyDecision("Decrypt", "a key", True)
    assert not turn.takes_over(known)
    for name in found:
        setattr(known, name, object())
    known.decisions = [decision]
    turn.keep(known)
    assert turn.takes_over(call)
    assert {name for name in found if getattr(call, name) is getattr(known, name)} == found - {"blob"}
    assert call.blob is not None
    assert call.blob.nonce == b"m" * 32
    assert counted == [decision]


def test_nothing_is_taken_over_from_a_call_that_may_not() -> None:
    turn, rpc = Turn(uncounted), ITEMS["Encrypt"]
    assert [turn.takes_over(call_of(rpc)) for _ in range(2)] == [False, False]


def test_a_payload_is_checked_of_each() -> None:
    rpc, turn = ITEMS["Encrypt"], Turn(uncounted)
    known = call_of(rpc, b"x")
    assert not turn.takes_over(known)
    turn.keep(known)
    with pytest.raises(ValidationException) as refused:
        turn.takes_over(call_of(rpc, b"x" * 4097))
    assert [field for field, _ in refused.value.fields] == ["plaintext"]


def test_a_ciphertext_is_read_of_each() -> None:
    rpc, turn = ITEMS["Decrypt"], Turn(uncounted)
    known = call_of(rpc)
    assert not turn.takes_over(known)
    known.blob = object()  # type: ignore[assignment]  # all that counts is that there is one
    turn.keep(known)
    with pytest.raises(InvalidCiphertextException):
        turn.takes_over(call_of(rpc, ciphertext()[:-1]))
