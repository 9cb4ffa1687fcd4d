"""JSON that says each thing once.

Of a member that is there twice most parsers keep one, and somebody else, on the way or in a log, keeps the other.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from meridian.errors import SerializationException


def parse(body: bytes) -> Any:
    """The document. Raises: SerializationException for what is no JSON in UTF-8, has a number or a text that others cannot read,
    names a member twice, or is nested more deeply than the parser goes, about a thousand levels.
    """
    try:
        document = _DECODER.decode(body.decode())
        if b"\\u" in body:
            json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except RecursionError as fault:
        raise SerializationException("The request is nested too deeply.") from fault
    except ValueError as fault:
        raise SerializationException("The request body is not JSON.") from fault
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise SerializationException(f"The member {_repeated([name for name, _ in pairs])[:64]!r} is given more than once.")
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
    raise ValueError(text)


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_not_a_number)
