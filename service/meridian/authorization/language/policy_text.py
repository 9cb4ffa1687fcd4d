"""Where each policy of a text begins. Cedar's JSON form keeps no positions, so the text is read once more: only strings, comments
and the semicolon that ends a policy matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

TOKEN: Final = re.compile(r'//[^\n\r]*|"(?:\\.|[^"\\])*"|;|[^\s;"/]+|/', re.DOTALL)


@dataclass(frozen=True, slots=True)
class PolicyText:
    """One policy as it was written, comments before it left out."""

    line: int
    """Counted from 1, as is `column`."""
    column: int
    text: str


def policy_texts(text: str) -> Iterator[PolicyText]:
    """The policies of a text in their order; a last one without its semicolon counts too."""
    line, counted, start = 1, 0, -1
    for token in TOKEN.finditer(text):
        if token[0].startswith("//"):
            continue
        if start < 0:
            start = token.start()
            line, counted = line + text.count("\n", counted, start), start
        if token[0] == ";":
            yield PolicyText(line, _column(text, start), text[start : token.end()])
            start = -1
    if start >= 0:
        yield PolicyText(line, _column(text, start), text[start:])


def _column(text: str, at: int) -> int:
    return at - text.rfind("\n", 0, at)
