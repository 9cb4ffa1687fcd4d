"""The contract against the machine-readable model of AWS KMS: nothing missing, nothing different but for stated reasons."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from meridian.contract.catalog import Rpc, aws_member_name, is_secret, limits_of, message_of, rpcs, served_rpcs, xks_rpcs
from meridian.contract.enums import enum_of, enum_values
from meridian.contract.fields import descriptor_of

SCHEMA = Path(__file__).parents[2] / "policy" / "meridian.cedarschema"

EXTRA_FIELDS = {
    ("CreateKeyRequest", "account_delegation"): "AWS says it by the root statement inside the JSON policy; Cedar text has no place for it",
    ("ReplicateKeyRequest", "account_delegation"): "as for CreateKey",
    ("PutKeyPolicyRequest", "account_delegation"): "as for CreateKey",
    ("GetKeyPolicyResponse", "account_delegation"): "tells what PutKeyPolicy stored",
    ("GetKeyPolicyRequest", "cedar"): "AWS has no other form to ask for",
}
EXTRA_SECRETS = {
    "ImportToken": "whoever holds it may try imports into the key",
    "GrantToken": "names a grant; a listing of tokens in logs helps nobody but a thief",
    "GrantTokens": "as GrantToken",
    "EncryptedKeyMaterial": "recorded, it opens with a wrapping key that leaks later",
}


@cache
def model() -> Any:
    return botocore.session.get_session().get_service_model("kms")


def operation_names() -> list[str]:
    return list(model().operation_names)


def rpc_of(operation: str) -> Rpc:
    return next(r for r in rpcs().values() if r.operation == operation)


def test_every_operation_exists_exactly_once() -> None:
    assert sorted(r.operation for r in rpcs().values()) == sorted(operation_names())
    assert len(operation_names()) == 56


@pytest.mark.parametrize("operation", operation_names())
def test_messages_are_those_of_the_model(operation: str) -> None:
    rpc, shapes = rpc_of(operation), model().operation_model(operation)
    seen: set[str] = set()
    compare(descriptor_of(rpc.request_class), shapes.input_shape, seen)
    compare(descriptor_of(rpc.response_class), shapes.output_shape, seen)


@pytest.mark.parametrize("operation", operation_names())
def test_declared_errors_are_those_of_the_model(operation: str) -> None:
    assert list(rpc_of(operation).errors) == [e.name for e in model().operation_model(operation).error_shapes]


def test_every_intended_difference_is_one() -> None:
    fields = {(m.name, f.name) for r in rpcs().values() for m in _messages(r) for f in m.fields}
    assert set(EXTRA_FIELDS) <= fields
    marked = {n for r in rpcs().values() for m in _messages(r) for f in m.fields if is_secret(f) for n in [aws_member_name(f)]}
    assert set(EXTRA_SECRETS) <= marked


def _messages(rpc: Rpc) -> tuple[Descriptor, Descriptor]:
    return descriptor_of(rpc.request_class), descriptor_of(rpc.response_class)


def compare(message: Descriptor, shape: Any, seen: set[str]) -> None:
    if message.full_name in seen:
        return
    seen.add(message.full_name)
    members = dict(shape.members) if shape is not None else {}
    ours = {aws_member_name(f): f for f in message.fields if (message.name, f.name) not in EXTRA_FIELDS}
    assert list(ours) == list(members), message.name
    required = set(shape.required_members) if shape is not None else set()
    for name, field in ours.items():
        compare_field(f"{message.name}.{name}", name, field, members[name], name in required, seen)


def compare_field(place: str, name: str, field: FieldDescriptor, shape: Any, required: bool, seen: set[str]) -> None:
    limits = limits_of(field)
    assert (limits is not None and limits.required) == required, f"{place} required"
    assert is_secret(field) == (bool(shape.metadata.get("sensitive")) or name in EXTRA_SECRETS), f"{place} sensitive"
    compare_type(place, field, shape, seen)
    enum = shape.metadata.get("enum")
    for bound in ("min", "max"):
        expected = None if enum else shape.metadata.get(bound)
        actual = getattr(limits, bound) if limits is not None and limits.HasField(bound) else None
        assert actual == expected, f"{place} {bound}"
    assert (limits.pattern if limits is not None else "") == ("" if enum else shape.metadata.get("pattern", "")), f"{place} pattern"


def compare_type(place: str, field: FieldDescriptor, shape: Any, seen: set[str]) -> None:
    kind = shape.type_name
    if kind == "list":
        assert field.is_repeated, place
        compare_item_limits(place, field, shape.member)
        compare_type(place, field, shape.member, seen)
    elif kind == "map":
        assert message_of(field).GetOptions().map_entry, place
    elif kind == "structure":
        compare(message_of(field), shape, seen)
    elif kind == "timestamp":
        assert message_of(field).full_name == "google.protobuf.Timestamp", place
    elif shape.metadata.get("enum"):
        assert list(enum_values(enum_of(field)).values()) == shape.metadata["enum"], place
    else:
        expected = {
            "string": FieldDescriptor.TYPE_STRING,
            "blob": FieldDescriptor.TYPE_BYTES,
            "integer": FieldDescriptor.TYPE_INT32,
            "boolean": FieldDescriptor.TYPE_BOOL,
        }[kind]
        assert field.type == expected, place
        assert field.is_repeated or field.has_presence, f"{place} keeps presence"


def compare_item_limits(place: str, field: FieldDescriptor, member: Any) -> None:
    limits = limits_of(field)
    if member.type_name not in ("string", "blob") or member.metadata.get("enum"):
        return
    items = limits.items if limits is not None and limits.HasField("items") else None
    for bound in ("min", "max"):
        actual = getattr(items, bound) if items is not None and items.HasField(bound) else None
        assert actual == member.metadata.get(bound), f"{place} item {bound}"
    assert (items.pattern if items is not None else "") == member.metadata.get("pattern", ""), f"{place} item pattern"


def schema_actions() -> set[str]:
    text = SCHEMA.read_text()
    names = re.findall(r"^\s*action ([\w,\s]+?)(?: in \[[^\]]*\])? appliesTo", text, re.MULTILINE)
    return {name.strip() for group in names for name in group.split(",")}


def test_every_permission_is_an_action_of_the_policy_schema_and_the_reverse() -> None:
    required = {r.action for rpc in {**served_rpcs(), **xks_rpcs()}.values() for r in rpc.requires}
    internal = {"SynchronizeMultiRegionKey"}
    assert required == schema_actions() - internal


def test_every_operation_declares_a_permission() -> None:
    assert [r.name for r in rpcs().values() if not r.requires] == []
