"""JSON that says each thing once.

Of a member that is there twice most parsers keep one, and somebody else, on the way or in a log, keeps the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, NoReturn

DIGITS_MAX: Final = 32
"""Of a whole number; reading a long one takes the square of its length."""
NAME_CHARACTERS_MAX: Final = 64
"""Of a name that a fault tells."""


class JsonFault(ValueError):
    """A text is no JSON that can be used; the message fits behind the name of the text."""


class RepeatedMemberFault(JsonFault):
    """A member is given twice; `name` is the beginning of its name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the member {name!r} is given more than once")
        self.name = name


class NestedTooDeeplyFault(JsonFault):
    """More levels than the parser goes, about a thousand."""

    def __init__(self) -> None:
        super().__init__("is nested too deeply")


def parse_json(text: str, *, parse_float: Callable[[str], float] = float) -> Any:
    """The document, numbers with a fraction as `parse_float` reads them. Raises: JsonFault for what is no JSON, has a number or a text
    that others cannot read, names a member twice, or is nested more deeply than the parser goes.
    """
    decoder = _DECODER if parse_float is float else _decoder(parse_float)
    try:
        document = decoder.decode(text)
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except RecursionError as fault:
        raise NestedTooDeeplyFault from fault
    except JsonFault:
        raise
    except json.JSONDecodeError as fault:
        raise JsonFault(f"is no JSON: {fault}") from fault
    except UnicodeEncodeError as fault:
        raise JsonFault("is no JSON: half a surrogate pair is no text") from fault
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise RepeatedMemberFault(_repeated([name for name, _ in pairs])[:NAME_CHARACTERS_MAX])
    return members


def _repeated(names: list[str]) -> str:
    """The first name that was there before."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


def _not_a_number(text: str) -> NoReturn:
    raise JsonFault(f"is no JSON: {text} is no number")


def _whole_number(text: str) -> int:
    if len(text) > DIGITS_MAX:
        raise JsonFault(f"is no JSON: a number has more than {DIGITS_MAX} digits")
    return int(text)


def _decoder(parse_float: Callable[[str], float]) -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=_once, parse_int=_whole_number, parse_constant=_not_a_number, parse_float=parse_float)


_DECODER: Final = _decoder(float)
