"""Text that somebody else wrote, made fit to be kept, shown and passed on."""

from __future__ import annotations

import re
from typing import Final

DIRECTION_MARKS: Final = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that draw nothing and turn the direction of writing. Source: Unicode Standard Annex 9, sections 2.1 to 2.6."""
ELLIPSIS: Final = "…"
ELLIPSIS_BYTES: Final = 3 * len(ELLIPSIS.encode())


def printable(text: str, characters_max: int) -> str:
    """The printable characters of the text, so many at most.

    What falls away draws on terminals, ends lines, turns the direction of writing, or is refused by databases, as NUL is.
    """
    return "".join(character for character in text[: 4 * characters_max] if character.isprintable())[:characters_max]


def with_written_marks(text: str) -> str:
    """The text with each mark that turns the direction of writing as JSON escapes it: what is read is what is there."""
    return text if text.isascii() else DIRECTION_MARKS.sub(lambda mark: f"\\u{ord(mark[0]):04x}", text)


def cut_encoded(text: str, bytes_max: int) -> str:
    """The text, or where it takes more bytes percent-encoded, as gRPC sends a status message, as much of it as fits and an ellipsis."""
    if 3 * len(text.encode(errors="replace")) <= bytes_max:
        return text
    fitting, used = 0, 0
    for number, character in enumerate(text, 1):
        used += 1 if " " <= character <= "~" and character != "%" else 3 * len(character.encode(errors="replace"))
        if used > bytes_max:
            return f"{text[:fitting]}{ELLIPSIS}"
        if used <= bytes_max - ELLIPSIS_BYTES:
            fitting = number
    return text
