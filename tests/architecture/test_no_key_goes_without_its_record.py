"""A key leaves the database by one function, which stores the event that says so in the same transaction."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from tests.source_trees import nodes


def deleting(nodes_of_it: Iterable[ast.AST]) -> bool:
    """Whether something calls `delete` of a repository of keys."""
    calls = [node.func for node in nodes_of_it if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return any(call.attr == "delete" and ast.unparse(call.value).endswith(".keys") for call in calls)


def test_keys_are_deleted_in_one_place() -> None:
    assert [file for file, all_of_it in nodes().items() if deleting(all_of_it)] == ["replication/erase_key.py"]


def test_another_place_would_be_found() -> None:
    assert deleting(ast.walk(ast.parse("async def f(uow):\n    await uow.keys.delete(key)")))
    assert not deleting(ast.walk(ast.parse("uow.aliases.delete(a)")))
