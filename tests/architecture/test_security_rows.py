"""docs/security.md and docs/reliability.md name tests that exist, in every row or with the plain word that there is none."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = [line for line in (ROOT / "docs" / "security.md").read_text().splitlines() if re.match(r"\| \d+ \|", line)]

PROMISES = [line for line in (ROOT / "docs" / "reliability.md").read_text().splitlines() if re.match(r"\| R\d+ \|", line)]


def names_in(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_there_are_35_rows_in_their_order() -> None:
    assert [int(row.split("|")[1]) for row in ROWS] == list(range(1, 36))


def test_there_are_14_promises_each_with_a_figure_or_the_word_that_there_is_none() -> None:
    assert [row.split("|")[1].strip() for row in PROMISES] == [f"R{number}" for number in range(1, 15)]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for row in PROMISES:
        measured = row.split("|")[4].strip()
        assert re.search(r"\d|not yet|once", measured), row
        assert set(re.findall(r"`make ([a-z-]+)", measured)) <= targets, row


@pytest.mark.parametrize(
    "held",
    [pytest.param(row.split("|")[column], id=row.split("|")[1].strip()) for rows, column in ((ROWS, 4), (PROMISES, 3)) for row in rows],
)
def test_a_row_names_tests_that_exist_or_says_that_there_is_none(held: str) -> None:
    named = re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", held)
    assert named or "not yet" in held or "out of scope" in held
    for file, test in named:
        path = ROOT / "tests" / file
        assert path.is_file(), file
        assert not test or test in names_in(path), f"{file}::{test}"


def test_every_dependency_is_locked_by_its_hashes() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    packages = [line for line in lines if re.match(r"[a-z0-9]", line)]
    assert len(packages) > 50
    assert all(re.match(r"\S+==\S+", line) and line.rstrip().endswith("\\") for line in packages)
    assert "--require-hashes" in (ROOT / "Makefile").read_text()
