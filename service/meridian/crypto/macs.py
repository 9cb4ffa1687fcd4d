"""HMAC.

Source: FIPS 198-1; RFC 2104.
"""

from __future__ import annotations

import hmac
from typing import Final

HASHES: Final = {"HMAC_SHA_224": "sha224", "HMAC_SHA_256": "sha256", "HMAC_SHA_384": "sha384", "HMAC_SHA_512": "sha512"}


def mac(key: bytes, algorithm: str, message: bytes) -> bytes:
    """28, 32, 48 or 64 bytes."""
    return hmac.digest(key, message, HASHES[algorithm])


def is_mac(key: bytes, algorithm: str, message: bytes, given: bytes) -> bool:
    """Whether this is the message's code, in a time that tells nothing of where they differ."""
    return hmac.compare_digest(mac(key, algorithm, message), given)


def is_mac_prefix(key: bytes, algorithm: str, message: bytes, given: bytes) -> bool:
    """Whether these are the first bytes of the message's code, at least 16 of them, in a time that tells nothing."""
    return len(given) >= 16 and hmac.compare_digest(mac(key, algorithm, message)[: len(given)], given)
