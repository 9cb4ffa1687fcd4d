"""AES-256-GCM as the XKS proxy API shows it, under a key that each message has for itself.

The API's ciphertext has no room for the 32-byte nonce and the commitment of Meridian's own formats. Its vector may have 16 bytes; they
name the message, and the key that is derived for it encrypts nothing else, so the vector of AES-GCM itself is constant. Two messages of
one export share a key after 2^64 of them, where random vectors of 12 bytes under one key would end at 2^32.

Source: docs/spec/external-keys.md; NIST SP 800-108r1, SP 800-38D.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from meridian.crypto.aead import KEY_BYTES, TAG_BYTES, OpenError, derive, hedged_nonce

EXPORT: Final = b"meridian/v1/xks-export"
MESSAGE: Final = b"meridian/v1/xks-message"
HEDGE: Final = b"meridian/v1/xks-iv"
IV_BYTES: Final = 16
_GCM_IV: Final = bytes(12)


def export_key(material: bytes, export_id: str) -> bytes:
    """The key of one export, 32 bytes. Raises: ValueError for a material of another length than 32 bytes."""
    return derive(material, EXPORT, export_id.encode("ascii"), KEY_BYTES)


def seal_for_export(key: bytes, random: bytes, plaintext: bytes, authenticated: bytes) -> tuple[bytes, bytes, bytes]:
    """(vector, ciphertext, tag). `random`: 32 fresh bytes; a generator that repeats itself repeats no vector for another message."""
    iv = hedged_nonce(key, HEDGE, random, authenticated, plaintext)[:IV_BYTES]
    sealed = AESGCM(derive(key, MESSAGE, iv, KEY_BYTES)).encrypt(_GCM_IV, plaintext, authenticated)
    return iv, sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]


def open_for_export(key: bytes, iv: bytes, ciphertext: bytes, tag: bytes, authenticated: bytes) -> bytes:
    """The plaintext. Raises: OpenError."""
    if len(iv) != IV_BYTES or len(tag) != TAG_BYTES:
        raise OpenError("length")
    try:
        return AESGCM(derive(key, MESSAGE, iv, KEY_BYTES)).decrypt(_GCM_IV, ciphertext + tag, authenticated)
    except InvalidTag as fault:
        raise OpenError("tag") from fault
