"""Every field that an error names is one that its caller can have sent, by the name that JSON has for it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from tests.source_trees import nodes, trees

from meridian.access.v1 import access_pb2
from meridian.contract.catalog import rpcs, sts_rpcs
from meridian.errors import ValidationException
from meridian.peer.v1 import replication_pb2

WHOLE = "request"
"""A fault of a message as a whole."""
REQUESTS = {rpc.request_class.DESCRIPTOR.name: rpc.request_class.DESCRIPTOR for rpc in (rpcs() | sts_rpcs()).values()}


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


def _of_this_request(tree: ast.AST, requests: frozenset[str] = frozenset()) -> Iterator[tuple[int, str, frozenset[str]]]:
    """(line, name told, requests that the function is given) where a function says which request it is given."""
    for node in ast.iter_child_nodes(tree):
        given = requests
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            kinds = (each.annotation for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs) if each.annotation)
            given = frozenset(name for kind in kinds for name in re.findall(r"\w+Request\b", ast.unparse(kind)) if name in REQUESTS)
        if isinstance(node, ast.Call) and given:
            lists = (word.value for word in node.keywords if word.arg == "fields" and isinstance(word.value, ast.List))
            names = (pair.elts[0] for each in lists for pair in each.elts if isinstance(pair, ast.Tuple))
            yield from ((node.lineno, str(name.value), given) for name in names if isinstance(name, ast.Constant))
        yield from _of_this_request(node, given)


def test_a_field_at_fault_is_one_of_the_request_that_is_looked_at() -> None:
    """Of each request that a function takes: one that has another request's field at fault sends its caller to look for nothing."""
    told = [(file, *each) for file, tree in trees().items() for each in _of_this_request(tree)]
    assert len(told) > 15
    wrong = [
        f"{file}:{line} {name} of {request}"
        for file, line, name, requests in told
        for request in requests
        if name != WHOLE and ValidationException("", fields=[(name, "")]).fields[0][0] not in _names_in(REQUESTS[request], set())
    ]
    assert not wrong


def test_another_requests_field_would_be_found() -> None:
    text = 'def f(request: CreateKeyRequest) -> None:\n    raise ValidationException("", fields=[("grantToken", "missing")])'
    assert list(_of_this_request(ast.parse(text))) == [(2, "grantToken", frozenset({"CreateKeyRequest"}))]
    assert "grantToken" not in _names_in(REQUESTS["CreateKeyRequest"], set())


def test_a_name_is_told_as_json_has_it() -> None:
    told = ValidationException(
        "", fields=[("source_key_id", "x"), ("keySpec", "x"), ("constraints.encryption_context", "x"), ("items[1].key_id", "x")]
    )
    assert [name for name, _ in told.fields] == ["sourceKeyId", "keySpec", "constraints.encryptionContext", "items[1].keyId"]
