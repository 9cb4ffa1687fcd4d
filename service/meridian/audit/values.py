"""What single values of the log's files may be. Whoever can write the directory can put anything there, so each is looked at once, where
it is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeGuard

TEXT_MAX: Final = 1024
"""Characters of a name: of a stream, a file, a Region."""
COUNT_MAX: Final = 1 << 62
TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)
HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)

JsonValue = object
"""What was parsed and not looked at yet."""


def is_text(value: JsonValue) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= TEXT_MAX


def is_count(value: JsonValue) -> TypeGuard[int]:
    """A number from 0 on."""
    return type(value) is int and 0 <= value <= COUNT_MAX


def is_hash(value: JsonValue) -> TypeGuard[str]:
    """SHA-256 in 64 lower-case hexadecimal digits."""
    return isinstance(value, str) and HASH.fullmatch(value) is not None


def is_time(value: JsonValue) -> TypeGuard[str]:
    """As the service writes it: UTC to the second. Two such texts compare as their moments do."""
    if not isinstance(value, str) or TIME.fullmatch(value) is None:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def text_of(fields: Mapping[str, JsonValue], name: str) -> str:
    """Raises: KeyError, TypeError."""
    value = fields[name]
    if not is_text(value):
        raise TypeError(f"{name} is no name")
    return value


def count_of(fields: Mapping[str, JsonValue], name: str) -> int:
    """Raises: KeyError, TypeError."""
    value = fields[name]
    if not is_count(value):
        raise TypeError(f"{name} is no number")
    return value


def hash_of(fields: Mapping[str, JsonValue], name: str) -> str:
    """Raises: KeyError, TypeError."""
    value = fields[name]
    if not is_hash(value):
        raise TypeError(f"{name} is no hash")
    return value


def time_of(fields: Mapping[str, JsonValue], name: str) -> str:
    """Raises: KeyError, TypeError."""
    value = fields[name]
    if not is_time(value):
        raise TypeError(f"{name} is no time")
    return value
