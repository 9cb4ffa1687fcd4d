"""Where an element of a JSON document stands: its line and column, and the word there."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]  # what the parser itself reads texts with
from typing import Final

STEP: Final = re.compile(r'\["(.+)"\]$|\[(\d+)\]|\.?([A-Za-z:]+)')
SPACE: Final = re.compile(r"[ \t\r\n]*")
SCALAR: Final = re.compile(r"[^\s,\]}]+")
WORD_CHARACTERS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class JsonPlace:
    """A place in a text, counted from 1; `word` is the text or number there, or the name of what has members; it may be empty."""

    line: int
    column: int
    word: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


def json_place(text: str, element: str) -> JsonPlace | None:
    """The place of an element such as `Statement[0].Condition.StringEquals["kms:KeySpec"]`, as far as the document, which has been
    parsed, goes down to it; None where it does not even begin. A condition key stands where its name does."""
    at, name = SPACE.match(text, 0).end(), ""  # type: ignore[union-attr]  # matches anywhere
    for step in STEP.finditer(element):
        wanted: str | int = int(step[2]) if step[2] else step[1] or step[3]
        found = _child(text, at, wanted)
        if found is None:
            break
        at, name = found[1], str(wanted) if isinstance(wanted, str) else name
        if step[1]:
            return _place(text, found[0], name)
    else:
        return _place(text, at, name)
    return _place(text, at, name) if name else None


def _place(text: str, at: int, name: str) -> JsonPlace:
    word = name if text[at] in "{[" else str(json.loads(text[at : _end(text, at)]))
    cut = word if len(word) <= WORD_CHARACTERS_MAX else f"{word[:WORD_CHARACTERS_MAX]}…"
    return JsonPlace(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at), cut)


def _child(text: str, at: int, wanted: str | int) -> tuple[int, int] | None:
    """Where a member and its value begin, or an item, twice."""
    if text[at] != ("{" if isinstance(wanted, str) else "["):
        return None
    at, number = _skip(text, at + 1), 0
    while text[at] not in "}]":
        if isinstance(wanted, str):
            begin = at
            name, at = scanstring(text, at + 1)
            at = _skip(text, _skip(text, at) + 1)
            if name == wanted:
                return begin, at
        elif number == wanted:
            return at, at
        at, number = _skip(text, _end(text, at)), number + 1
        at = _skip(text, at + 1) if text[at] == "," else at
    return None


def _end(text: str, at: int) -> int:
    """Behind the value that begins here."""
    depth = 0
    while True:
        if text[at] == '"':
            at = scanstring(text, at + 1)[1]
        elif text[at] in "{[":
            depth, at = depth + 1, at + 1
        elif text[at] in "}]":
            depth, at = depth - 1, at + 1
        elif text[at] in ",: \t\r\n":
            at += 1
        else:
            at = SCALAR.match(text, at).end()  # type: ignore[union-attr]  # the document has been parsed
        if depth == 0:
            return at


def _skip(text: str, at: int) -> int:
    return SPACE.match(text, at).end()  # type: ignore[union-attr]  # matches anywhere
