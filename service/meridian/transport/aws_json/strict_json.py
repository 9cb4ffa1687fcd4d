"""JSON that says each thing once.

Of a member that is there twice most parsers keep one, and somebody else, on the way or in a log, keeps the other.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from meridian.errors import SerializationException

VALUES_MAX: Final = 8192
"""Names and values of one document. The longest request has two encryption contexts, of 1,400 pairs at most. They are decoded within
two milliseconds."""
DIGITS_MAX: Final = 32
"""Of a whole number; reading a long one takes the square of its length."""
ESCAPES: Final = (b"\\\\", b'\\"')
SEPARATORS: Final = (b",", b":", b"[", b"{")
"""Each stands before one name or value; the document itself is one more."""


def parse(body: bytes) -> Any:
    """The document. Raises: SerializationException for what is no JSON in UTF-8, has a number or a text that others cannot read,
    names a member twice, has more than 8,192 names and values, or is nested more deeply than the parser goes, about a thousand levels.
    """
    if _has_too_many(body):
        raise SerializationException(f"The request has more than {VALUES_MAX} names and values.")
    try:
        document = _DECODER.decode(body.decode())
        if b"\\u" in body:
            json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except RecursionError as fault:
        raise SerializationException("The request is nested too deeply.") from fault
    except ValueError as fault:
        raise SerializationException("The request body is not JSON.") from fault
    return document


def _has_too_many(body: bytes) -> bool:
    """Counted over bytes. Most bodies have few separators even with those in texts; only of the others is the text left out."""
    if _separators(body) < VALUES_MAX:
        return False
    for escape in ESCAPES:
        body = body.replace(escape, b"")
    if body.count(b'"') > 2 * VALUES_MAX:
        return True
    return _separators(b"".join(body.split(b'"')[::2])) >= VALUES_MAX


def _separators(body: bytes) -> int:
    return sum(map(body.count, SEPARATORS))


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


def _whole_number(text: str) -> int:
    if len(text) > DIGITS_MAX:
        raise ValueError(len(text))
    return int(text)


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_int=_whole_number, parse_constant=_not_a_number)
