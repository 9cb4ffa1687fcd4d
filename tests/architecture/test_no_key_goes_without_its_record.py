"""A key leaves the database by one function, which stores the event that says so in the same transaction."""

from __future__ import annotations

import ast
from pathlib import Path

SERVICE = Path(__file__).resolve().parents[2] / "service" / "meridian"


def deleting(tree: ast.AST) -> bool:
    """Whether something calls `delete` of a repository of keys."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return any(call.attr == "delete" and ast.unparse(call.value).endswith(".keys") for call in calls)


def test_keys_are_deleted_in_one_place() -> None:
    found = [path for path in SERVICE.rglob("*.py") if "_pb2" not in path.name and deleting(ast.parse(path.read_text()))]
    assert [str(path.relative_to(SERVICE)) for path in found] == ["replication/erase_key.py"]


def test_another_place_would_be_found() -> None:
    assert deleting(ast.parse("async def f(uow):\n    await uow.keys.delete(key)"))
    assert not deleting(ast.parse("uow.aliases.delete(a)"))
