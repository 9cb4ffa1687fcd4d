"""The service's own code as trees, read once in a test process for all tests that look at what it says."""

from __future__ import annotations

import ast
import gc
from functools import cache
from pathlib import Path

SERVICE = Path(__file__).resolve().parents[1] / "service" / "meridian"


@cache
def trees() -> dict[str, ast.Module]:
    """Of each file that somebody wrote, by its path within the package. They are everybody's: look, and change nothing."""
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        found = {
            path.relative_to(SERVICE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
            for path in sorted(SERVICE.rglob("*.py"))
            if "_pb2" not in path.name
        }
        gc.freeze()  # they stay, and nobody need look for garbage among half a million nodes
    finally:
        if is_collecting:
            gc.enable()
    return found


@cache
def nodes() -> dict[str, tuple[ast.AST, ...]]:
    """Every node of each file."""
    return {file: tuple(ast.walk(tree)) for file, tree in trees().items()}
