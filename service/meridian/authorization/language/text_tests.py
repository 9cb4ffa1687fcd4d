"""What policies ask of a text: where they do no more than compare it with texts and patterns that they spell out, texts with the same
outcomes are one to them.

Only what is read literally counts: any other use of the text is its value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from meridian.authorization.language.evaluator import Est

Pattern = tuple[str, ...]
"""The pieces between the wildcards of a pattern, the empty ones too: one more than there are wildcards."""
Outcome = str | tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class TextTests:
    """Every test of one text. Two texts of one outcome pass the same of them."""

    texts: frozenset[str]
    patterns: tuple[Pattern, ...]

    def outcome(self, text: str) -> Outcome:
        """The text where it is one of those that are spelled out, and otherwise which patterns it fits."""
        return text if text in self.texts else tuple([fits_pieces(pattern, text) for pattern in self.patterns])


def tests_of(found: Iterable[str | Pattern]) -> TextTests:
    """Texts and patterns, gathered."""
    each = frozenset(found)
    patterns = sorted(pattern for pattern in each if isinstance(pattern, tuple))
    return TextTests(frozenset(text for text in each if isinstance(text, str)), tuple(patterns))


def fits_pieces(pattern: Pattern, text: str) -> bool:
    """As Cedar's `like`: a wildcard stands for any characters, or none. Takes no longer than both are long together, but for texts that
    repeat what is looked for."""
    if len(pattern) == 1:
        return text == pattern[0]
    first, *middle, last = pattern
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def text_test(node: Est) -> tuple[Est, tuple[str | Pattern, ...]] | None:
    """The expression that is tested, and what it is compared with; None where a node is no such test."""
    [(operator, operands)] = node.items()
    if operator == "like":
        return operands["left"], (_pattern(operands["pattern"]),)
    if operator in ("==", "!="):
        for one, other in ((operands["left"], operands["right"]), (operands["right"], operands["left"])):
            if isinstance(other.get("Value"), str):
                return one, (other["Value"],)
    if operator == "contains" and "Set" in operands["left"]:
        spelled = [item.get("Value") for item in operands["left"]["Set"]]
        if all(isinstance(text, str) for text in spelled):
            return operands["right"], tuple(spelled)
    return None


def _pattern(parts: list[Any]) -> Pattern:
    pieces = [""]
    for part in parts:
        if part == "Wildcard":
            pieces.append("")
        else:
            pieces[-1] += part["Literal"]
    return tuple(pieces)
