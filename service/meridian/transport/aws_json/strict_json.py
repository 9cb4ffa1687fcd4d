"""JSON that says each thing once.

Of a member that is there twice most parsers keep one, and somebody else, on the way or in a log, keeps the other.
"""

from __future__ import annotations

from typing import Any, Final

from meridian.domain.strict_json import JsonFault, NestedTooDeeplyFault, RepeatedMemberFault, parse_json
from meridian.errors import SerializationException

VALUES_MAX: Final = 8192
"""Names and values of one document. The longest request has two encryption contexts, of 1,400 pairs at most. They are decoded within
two milliseconds."""
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
        return parse_json(body.decode())
    except RepeatedMemberFault as fault:
        raise SerializationException(f"The member {fault.name!r} is given more than once.") from fault
    except NestedTooDeeplyFault as fault:
        raise SerializationException("The request is nested too deeply.") from fault
    except (JsonFault, UnicodeDecodeError) as fault:
        raise SerializationException("The request body is not JSON.") from fault


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
