"""About how many bytes of memory values take: what the bound of caches counts with.

Values of Python are measured (`sys.getsizeof`), each with what it refers to; what several entries share is counted in each, so the sum is
never too small for that. What libraries hold outside of Python is estimated from its text, as measured with `mallinfo2`: a parsed schema
takes about 90 bytes for a character of its text, parsed policies and entities 6 to 17 bytes for a character of their JSON form (the
short ones most), private keys of the library 8 to 45 bytes for a byte of the public key.
"""

from __future__ import annotations

from enum import Enum
from sys import getsizeof
from types import NoneType
from typing import Any, Final

ENTRY_BYTES: Final = 600
"""What an entry costs beside its name and value: its places in four dicts, about half filled, and its note."""
SCHEMA_BYTES_PER_CHARACTER: Final = 90
PARSED_BYTES: Final = 600
PARSED_BYTES_PER_CHARACTER: Final = 9
"""Of the JSON form of policies and entities."""
PRIVATE_KEY_BYTES: Final = 1_000
PRIVATE_KEY_BYTES_PER_PUBLIC_BYTE: Final = 16

LEAVES: Final = frozenset({str, bytes, int, float, bool, NoneType})
"""Types that refer to nothing else."""
SHARED: Final = (Enum, type)
"""What is there anyway."""
NOTHING: Final = object()
"""In the place of a slot that is not filled."""


def deep_bytes(*values: Any) -> int:
    """Bytes of values with all that they refer to, each counted once. Follows containers and values with slots; what else there is counts
    as itself. Some microseconds for a key: for what is made once and kept.
    """
    total, left, seen = 0, list(values), set[int]()
    while left:
        value = left.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if type(value) in LEAVES:  # most of what there is
            total += getsizeof(value)
            continue
        if isinstance(value, SHARED):
            continue
        total += getsizeof(value)
        if isinstance(value, dict):
            left += value
            left += value.values()
        elif isinstance(value, tuple | list | set | frozenset):
            left += value
        elif not isinstance(value, str | bytes | int | float):
            slots = [getattr(value, name, NOTHING) for name in getattr(type(value), "__slots__", ())]
            left += [held for held in slots if held is not NOTHING]
            total += getattr(value, "outside_bytes", 0)
    return total


def parsed_bytes(text: str) -> int:
    """Of policies or entities that the engine has parsed from this JSON form."""
    return PARSED_BYTES + PARSED_BYTES_PER_CHARACTER * len(text)


def schema_bytes(text: str) -> int:
    """Of a parsed schema."""
    return SCHEMA_BYTES_PER_CHARACTER * len(text)


def key_pair_bytes(public_bytes: bytes) -> int:
    """Of a private key of the library with its public half."""
    return PRIVATE_KEY_BYTES + PRIVATE_KEY_BYTES_PER_PUBLIC_BYTE * len(public_bytes)
