"""Text that somebody else wrote, made fit to be kept, shown and passed on."""

from __future__ import annotations


def printable(text: str, characters_max: int) -> str:
    """The printable characters of the text, so many at most.

    What falls away draws on terminals, ends lines, turns the direction of writing, or is refused by databases, as NUL is.
    """
    return "".join(character for character in text[: 4 * characters_max] if character.isprintable())[:characters_max]
