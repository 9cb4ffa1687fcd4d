"""A default argument never carries a rule: limits, quotas, clocks and windows are passed by whoever knows them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.source_trees import trees

RULE = re.compile(r"second|limit|quota|_max|_min|max_|min_|days|bytes|tries|attempts|window|life|timeout|page|size|rate|clock|budget")
ALLOWED = {
    ("crypto/certificates.py", "new_leaf", "life"): "for `meridian dev` and tests; certificates of others come from others",
    ("client/blocking_calls.py", "call", "timeout"): "None: the declared deadline of the operation counts",
    ("client/asyncio_calls.py", "call", "timeout"): "None: the same",
}
"""Defaults that carry no rule of the service, each with its reason."""
GENERATED = ("client/blocking_operations.py", "client/asyncio_operations.py")
"""Methods with the fields of the contract: each default is None, so that the Region's own rule counts."""


def defaults(tree: ast.AST) -> Iterator[tuple[str, str, ast.expr]]:
    """(function, parameter, default) of every default."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = node.args
            positional = [*given.posonlyargs, *given.args]
            pairs = [*zip(positional[len(positional) - len(given.defaults) :], given.defaults, strict=True)]
            pairs += [(name, value) for name, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if value is not None]
            yield from ((node.name, name.arg, value) for name, value in pairs)


def is_rule(name: str, value: ast.expr) -> bool:
    """A number or a constant under the name of a rule, or an object that holds rules."""
    if isinstance(value, ast.Call):
        return True
    is_number = isinstance(value, ast.Constant) and isinstance(value.value, int | float) and not isinstance(value.value, bool)
    is_constant = isinstance(value, ast.Name | ast.Attribute) and ast.unparse(value).rpartition(".")[2].isupper()
    is_none = isinstance(value, ast.Constant) and value.value is None
    return (is_number or is_constant or is_none) and RULE.search(name) is not None


def found(tree: ast.Module, file: str) -> set[tuple[str, str, str]]:
    return {(file, function, name) for function, name, value in defaults(tree) if is_rule(name, value)}


def test_generated_methods_leave_every_default_to_the_region() -> None:
    for name in GENERATED:
        given = {ast.unparse(value) for _, _, value in defaults(trees()[name])}
        assert given == {"None"}, name


def test_no_default_argument_carries_a_rule() -> None:
    rules = set().union(*(found(tree, file) for file, tree in trees().items() if file not in GENERATED))
    assert rules == set(ALLOWED)


def test_a_rule_would_be_found() -> None:
    assert found(ast.parse("def f(x, page_size=50, limits=Limits(), *, retry_seconds: float = AGE): ..."), "f.py") == {
        ("f.py", "f", "page_size"),
        ("f.py", "f", "limits"),
        ("f.py", "f", "retry_seconds"),
    }
