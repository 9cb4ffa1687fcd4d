"""A machine that is busy, or stands still for a second, fails no test: whatever waits for wall-clock time in the quick suites waits for at
least this long, and what would be wrong lasts much longer, or for ever. Speed is measured by the benches; CPU time may be compared."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PATIENCE_SECONDS = 10.0
WALL_CLOCKS = {"monotonic", "perf_counter", "time"}
SETTABLE = {"adversary/test_one_region_holds_up_no_other.py", "unit/workers/test_mending_rounds.py"}
"""Files whose clock is set by the test."""


def _names(tree: ast.AST) -> set[str]:
    return {each.attr for each in ast.walk(tree) if isinstance(each, ast.Attribute)}


def _is_deep(function: ast.AST) -> bool:
    decorators = getattr(function, "decorator_list", [])
    return any("deep" in _names(each) for each in decorators)


def _number(tree: ast.expr | None) -> float | None:
    return float(tree.value) if isinstance(tree, ast.Constant) and isinstance(tree.value, int | float) else None


def hasty(tree: ast.AST) -> Iterator[int]:
    """Lines that expect something of the wall clock sooner than that."""
    if _is_deep(tree):
        return
    for node in ast.iter_child_nodes(tree):
        yield from hasty(node)
    if isinstance(tree, ast.Assert) and isinstance(tree.test, ast.Compare):
        sides = [tree.test.left, *tree.test.comparators]
        for left, sign, right in zip(sides, tree.test.ops, sides[1:], strict=False):
            bound = _number(right)
            if isinstance(sign, ast.Lt | ast.LtE) and bound is not None and 0 < bound < PATIENCE_SECONDS and _names(left) & WALL_CLOCKS:
                yield tree.lineno
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute) and tree.func.attr in ("wait_until", "wait_for_state"):
        for word in tree.keywords:
            bound = _number(word.value)
            if word.arg == "seconds" and bound is not None and bound < PATIENCE_SECONDS:
                yield tree.lineno


def test_no_quick_test_expects_an_answer_sooner_than_a_busy_machine_gives_it() -> None:
    found = {
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        if str(path.relative_to(TESTS)) not in SETTABLE
        for line in hasty(ast.parse(path.read_text()))
    }
    assert not found


def test_what_is_hasty_is_found() -> None:
    text = """
async def test_x():
    assert time.monotonic() - began < 0.5
    assert clock.monotonic() - began < 20
    assert 0.5 < time.perf_counter() - began <= 2
    regions.wait_until(there, seconds=1.0)
    assert time.process_time() - began < 0.5

@pytest.mark.deep
def test_y():
    assert time.monotonic() - began < 0.5
"""
    assert sorted(hasty(ast.parse(text))) == [3, 5, 6]
