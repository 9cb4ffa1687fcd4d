"""A key from a passphrase.

Source: RFC 9106 (Argon2id).
"""

from __future__ import annotations

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from meridian.crypto.aead import KEY_BYTES


def key_from_passphrase(passphrase: bytes, salt: bytes, *, time_cost: int, memory_kib: int, parallelism: int) -> bytes:
    """32 bytes."""
    kdf = Argon2id(salt=salt, length=KEY_BYTES, iterations=time_cost, lanes=parallelism, memory_cost=memory_kib)
    return kdf.derive(passphrase)
