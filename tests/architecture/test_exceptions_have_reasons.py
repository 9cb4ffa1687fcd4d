"""Whoever tells a checker to look away says why, on the same line."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATED = re.compile(r"_pb2")
EXCEPTION = r"# (?:type: ignore\b(?:\[[a-z, -]+\])?|noqa: [A-Z]+[0-9]+(?:, [A-Z]+[0-9]+)*)"
LOOK_AWAY, AT_THE_END = re.compile(EXCEPTION + r"\s*"), re.compile(EXCEPTION + r"\s*$", re.MULTILINE)


def unexplained(text: str) -> Iterator[str]:
    """Comments that are such an exception and nothing else; texts that look like one are none."""
    if not AT_THE_END.search(text):
        return  # most files, without taking them apart
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and LOOK_AWAY.fullmatch(token.string):
            yield f"{token.start[0]}: {token.string}"


def test_every_exception_has_its_reason() -> None:
    paths = [path for room in ("service", "scripts", "tests") for path in (ROOT / room).rglob("*.py") if not GENERATED.search(path.name)]
    bare = [f"{path.relative_to(ROOT)}:{line}" for path in paths for line in unexplained(path.read_text(encoding="utf-8"))]
    assert bare == []


def test_an_exception_without_a_reason_is_seen() -> None:
    seen = list(
        unexplained('x = 1  # type: ignore[misc]\ny = 2  # noqa: S607\nz = "# noqa: S1"\nw = 3  # type: ignore[misc]  # a reason\n')
    )
    assert seen == ["1: # type: ignore[misc]", "2: # noqa: S607"]
