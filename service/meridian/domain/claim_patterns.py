"""Patterns of claims, and names made of what they found: what operators write to say who a token's holder is.

A pattern is the whole text of a claim, `{word}` standing for 1 to 128 letters, digits and `_.@+=,-`. It ends before the character that
follows it in the pattern, so there is one way to read a text and it takes one look at each character.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

TEXT_CHARACTERS_MAX: Final = 2048
"""Of a claim that a pattern is laid upon, and of a pattern."""
FOUND: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@+=,-"
"""What a word may stand for: never what separates the parts of an ARN or of an entity id."""
WORD_CHARACTERS_MAX: Final = 128
_WORD: Final = re.compile(r"\{([a-z][a-z0-9_]{0,31})\}")


class PatternFault(ValueError):
    """A pattern or a template cannot be used; the message fits behind its name."""


class ClaimPattern:
    """A pattern, read once."""

    __slots__ = ("_expression", "text", "words")

    def __init__(self, text: str) -> None:
        """Raises: PatternFault."""
        self.text = text
        literals, words = _split(text)
        if len(set(words)) != len(words):
            raise PatternFault("has a word twice")
        if any(not literal for literal in literals[1:-1]):
            raise PatternFault("has two words with nothing between them")
        self.words = tuple(words)
        """In their order."""
        # Possessive, and without the character that ends it: no second way is ever tried.
        found = (f"([{re.escape(FOUND.replace(after[:1], ''))}]{{1,{WORD_CHARACTERS_MAX}}}+){re.escape(after)}" for after in literals[1:])
        self._expression = re.compile(re.escape(literals[0]) + "".join(found))

    def find(self, value: str) -> dict[str, str] | None:
        """What each word stands for; None where the text is not of the pattern."""
        found = self._expression.fullmatch(value) if len(value) <= TEXT_CHARACTERS_MAX else None
        return dict(zip(self.words, found.groups(), strict=True)) if found is not None else None


class NameTemplate:
    """A text with words of patterns in it."""

    __slots__ = ("_parts", "_words", "text")

    def __init__(self, text: str, known: Collection[str]) -> None:
        """`known`: the words that are found. Raises: PatternFault."""
        self.text = text
        self._parts, self._words = _split(text)
        unknown = sorted(set(self._words) - set(known))
        if unknown:
            raise PatternFault(f"has {', '.join(f'{{{word}}}' for word in unknown)}, which no claim of the rule has")

    @property
    def is_fixed(self) -> bool:
        """Whether it is the same whatever was found."""
        return not self._words

    @property
    def beginning(self) -> str:
        """What the name begins with, whatever was found."""
        return self._parts[0]

    def filled(self, found: Mapping[str, str]) -> str:
        """The name."""
        middle = (found[word] + literal for word, literal in zip(self._words, self._parts[1:], strict=True))
        return self._parts[0] + "".join(middle)


def _split(text: str) -> tuple[list[str], list[str]]:
    """The texts around the words, one more than words; the words. Raises: PatternFault."""
    if not text or len(text) > TEXT_CHARACTERS_MAX:
        raise PatternFault(f"must have 1 to {TEXT_CHARACTERS_MAX} characters")
    pieces = _WORD.split(text)
    literals, words = pieces[::2], pieces[1::2]
    if any("{" in literal or "}" in literal for literal in literals):
        raise PatternFault("has a brace that is of no word: {word}, in small letters, digits and underscores")
    return literals, words
