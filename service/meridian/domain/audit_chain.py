"""How audit lines are chained.

A line's leaf hash is SHA-256(00 ‖ line without its newline); the next line carries it as `meridian.prevHash`. Bytes are hashed as
stored, so no canonical form is needed.

Source: docs/spec/audit.md; RFC 6962 §2.1 for the leaf prefix.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

NO_HASH: Final = "0" * 64


def leaf_hash(line: bytes) -> str:
    """64 lower-case hexadecimal digits."""
    return sha256(b"\x00" + line).hexdigest()
