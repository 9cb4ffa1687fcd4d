"""Derivation and committing encryption, the two primitives of every sealed format.

A derived key encrypts one message, so its IV is constant; the commitment is a whole HMAC output over key, label, nonce and
everything authenticated.

Source: docs/spec/ciphertext.md §1; NIST SP 800-108r1 (counter mode), SP 800-38D.
"""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest, digest
from struct import pack
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 32
COMMITMENT_BYTES: Final = 32
TAG_BYTES: Final = 16

_IV: Final = bytes(12)
_BITS_256: Final = pack(">I", 256)
_BITS_512: Final = pack(">I", 512)
_COUNTERS: Final = tuple(pack(">I", n) for n in range(1, 9))


class OpenError(Exception):
    """A sealed text does not open. `stage` is "commitment" or "tag"; it never leaves the process."""

    def __init__(self, stage: str) -> None:
        super().__init__("a sealed text does not open")
        self.stage = stage


def derive(key: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """KDF: `length` bytes, at most 256, from a key of exactly 32 bytes. Raises: ValueError for another key length."""
    if len(key) != KEY_BYTES:
        raise ValueError("a derivation key has exactly 32 bytes")
    fixed = label + b"\x00" + context + pack(">I", 8 * length)
    blocks = -(-length // 32)
    return b"".join(digest(key, counter + fixed, "sha256") for counter in _COUNTERS[:blocks])[:length]


def _derive_two_blocks(key: bytes, label: bytes, context: bytes) -> tuple[bytes, bytes]:
    """`derive(key, label, context, 64)` as its two halves; the shape of every call, so it is written out."""
    if len(key) != KEY_BYTES:
        raise ValueError("a derivation key has exactly 32 bytes")
    fixed = label + b"\x00" + context + _BITS_512
    return digest(key, _COUNTERS[0] + fixed, "sha256"), digest(key, _COUNTERS[1] + fixed, "sha256")


def transcript(header: bytes, rest: bytes) -> bytes:
    """T: the hash of everything authenticated."""
    return sha256(header + rest).digest()


def seal(key: bytes, label: bytes, nonce: bytes, transcript_hash: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
    """CAE: the commitment and the ciphertext with its tag."""
    derived, commitment = _derive_two_blocks(key, label, nonce + transcript_hash)
    return commitment, AESGCM(derived).encrypt(_IV, plaintext, transcript_hash)


def is_committed(key: bytes, label: bytes, nonce: bytes, transcript_hash: bytes, commitment: bytes) -> bool:
    """Whether a commitment is to this key and to everything authenticated. What was sealed has no part in it."""
    return compare_digest(_derive_two_blocks(key, label, nonce + transcript_hash)[1], commitment)


def open_sealed(key: bytes, label: bytes, nonce: bytes, transcript_hash: bytes, commitment: bytes, sealed: bytes) -> bytes:
    """The plaintext. Raises: OpenError; the cipher runs only after the commitment holds."""
    derived, expected = _derive_two_blocks(key, label, nonce + transcript_hash)
    if not compare_digest(expected, commitment):
        raise OpenError("commitment")
    try:
        return AESGCM(derived).decrypt(_IV, sealed, transcript_hash)
    except InvalidTag as fault:
        raise OpenError("tag") from fault


def hedged_nonce(key: bytes, label: bytes, random: bytes, header_and_rest: bytes, plaintext: bytes) -> bytes:
    """A nonce that a repeated generator state cannot repeat for another message. Encrypt side only."""
    if len(key) != KEY_BYTES:
        raise ValueError("a derivation key has exactly 32 bytes")
    context = random + sha256(header_and_rest).digest() + sha256(plaintext).digest()
    return digest(key, _COUNTERS[0] + label + b"\x00" + context + _BITS_256, "sha256")
