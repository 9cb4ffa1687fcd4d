"""Where each policy of a text begins. Cedar's JSON form keeps no positions, so the text is read once more: only strings, comments
and the semicolon that ends a policy matter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

TOKEN: Final = re.compile(r'//[^\n\r]*|"(?:\\.|[^"\\])*"|;|[^\s;"/]+|/', re.DOTALL)


@dataclass(frozen=True, slots=True)
class PolicyText:
    """One policy as it was written, comments before it left out."""

    line: int
    """Counted from 1."""
    text: str


def policy_texts(text: str) -> tuple[PolicyText, ...]:
    """The policies of a text in their order; a last one without its semicolon counts too."""
    found, start = [], -1
    for token in TOKEN.finditer(text):
        if token[0].startswith("//"):
            continue
        if start < 0:
            start = token.start()
        if token[0] == ";":
            found.append(_policy(text, start, token.end()))
            start = -1
    if start >= 0:
        found.append(_policy(text, start, len(text)))
    return tuple(found)


def _policy(text: str, start: int, end: int) -> PolicyText:
    return PolicyText(text.count("\n", 0, start) + 1, text[start:end])
