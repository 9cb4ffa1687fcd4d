"""Every field that an error names is one that its caller can have sent, by the name that JSON has for it."""

from __future__ import annotations

import ast
from typing import Any

from tests.source_trees import nodes

from meridian.access.v1 import access_pb2
from meridian.contract.catalog import rpcs, sts_rpcs
from meridian.errors import ValidationException
from meridian.peer.v1 import replication_pb2

WHOLE = "request"
"""A fault of a message as a whole."""


def _names_in(message: Any, found: set[str]) -> set[str]:
    found |= {choice.name for choice in message.oneofs if not choice.name.startswith("_")}  # the others are fields that may be absent
    for field in message.fields:
        if field.json_name not in found or field.message_type is not None:
            found.add(field.json_name)
            if field.message_type is not None and field.message_type.full_name not in found:
                found.add(field.message_type.full_name)
                _names_in(field.message_type, found)
    return found


def _sent() -> set[str]:
    found: set[str] = {WHOLE}
    for rpc in (rpcs() | sts_rpcs()).values():
        _names_in(rpc.request_class.DESCRIPTOR, found)
    for method in (m for file in (replication_pb2, access_pb2) for s in file.DESCRIPTOR.services_by_name.values() for m in s.methods):
        _names_in(method.input_type, found)
    return found


def _told() -> dict[str, str]:
    """Where, by name; names that are put together as the service runs are not among them."""
    found = {}
    for file, all_of_it in nodes().items():
        for node in all_of_it:
            if not isinstance(node, ast.Call):
                continue
            for word in node.keywords:
                if word.arg == "fields" and isinstance(word.value, ast.List):
                    for pair in word.value.elts:
                        if isinstance(pair, ast.Tuple) and isinstance(pair.elts[0], ast.Constant):
                            found[str(pair.elts[0].value)] = f"{file}:{node.lineno}"
    return found


def test_a_field_at_fault_is_one_of_the_request() -> None:
    told = _told()
    assert len(told) > 20
    assert not {name: place for name, place in told.items() if ValidationException("", fields=[(name, "")]).fields[0][0] not in _sent()}


def test_a_name_is_told_as_json_has_it() -> None:
    told = ValidationException(
        "", fields=[("source_key_id", "x"), ("keySpec", "x"), ("constraints.encryption_context", "x"), ("items[1].key_id", "x")]
    )
    assert [name for name, _ in told.fields] == ["sourceKeyId", "keySpec", "constraints.encryptionContext", "items[1].keyId"]
