"""Length-prefixed encodings that every sealed format is built from. Integers are big-endian.

Source: docs/spec/ciphertext.md, notation.
"""

from __future__ import annotations

from struct import pack
from typing import Final

FIELD_BYTES_MAX: Final = 0xFFFF


def length_prefixed(value: bytes) -> bytes:
    """`u16 len(value) ‖ value`. Raises: ValueError for more than 65535 bytes; nothing is ever cut."""
    size = len(value)
    if size > FIELD_BYTES_MAX:
        raise ValueError("a field is longer than 65535 bytes")
    return size.to_bytes(2, "big") + value


def length_prefixed_tuple(*fields: bytes | str) -> bytes:
    """`u8 count ‖ LP(field)…`; texts as UTF-8. Raises: ValueError for more than 255 fields or an over-long one."""
    if len(fields) > 0xFF:
        raise ValueError("more than 255 fields")
    return bytes([len(fields)]) + b"".join(length_prefixed(f.encode() if isinstance(f, str) else f) for f in fields)


def read_length_prefixed_tuple(data: bytes) -> list[bytes]:
    """The fields of an encoded tuple. Raises: ValueError if the bytes are not exactly one."""
    if not data:
        raise ValueError("no tuple")
    fields, at = [], 1
    for _ in range(data[0]):
        size = int.from_bytes(data[at : at + 2], "big")
        if at + 2 + size > len(data):
            raise ValueError("a field is cut")
        fields.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    if at != len(data):
        raise ValueError("bytes after the tuple")
    return fields


def u32(value: int) -> bytes:
    """Four bytes, big-endian."""
    return pack(">I", value)


def u64(value: int) -> bytes:
    """Eight bytes, big-endian."""
    return pack(">Q", value)
