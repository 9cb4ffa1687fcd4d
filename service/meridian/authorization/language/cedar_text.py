"""A text as a literal of Cedar, whatever its characters are.

Source: Cedar Policy Language Reference, grammar, string escapes.
"""

from __future__ import annotations

NAMED = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}
"""Characters that Cedar has a short form for."""


def cedar_text(text: str) -> str:
    """The text in quotes; what cannot be printed is written by its number. A star in a pattern stays a star."""
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character in NAMED:
        return NAMED[character]
    return character if character.isprintable() else f"\\u{{{ord(character):x}}}"
