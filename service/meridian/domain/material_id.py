"""Key material identifiers.

Source: docs/spec/ciphertext.md §3.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from meridian.domain.encoding import length_prefixed, u32

LABEL: Final = b"meridian/v1/material-id\x00"


def material_id(key_id: str, material: bytes) -> str:
    """The id of a symmetric or HMAC material: 64 lower-case hexadecimal digits.

    It depends on the key id and the bytes alone, so related keys of several Regions compute the same one.
    """
    return sha256(LABEL + length_prefixed(key_id.encode()) + u32(len(material)) + material).hexdigest()
