"""What binds a ciphertext of a key in an external key store, in both of its layers.

The inner layer, under the key's own material, is bound to header, identity, external key and encryption context; the hash of all that
is what the external key authenticates with the outer one, so that its manager never sees the encryption context.

Source: docs/spec/ciphertext.md, suite 02.
"""

from __future__ import annotations

from hashlib import sha256

from meridian.domain.encoding import length_prefixed
from meridian.domain.key import Key


def bound_names(key: Key) -> bytes:
    """What every ciphertext of a key names beside its header: its identity, and its external key where it has one."""
    external = length_prefixed(key.xks_key_id.encode()) if key.xks_key_id else b""
    return length_prefixed(key.identity.encode()) + external


def integrity_value(binding: bytes, metadata: bytes, iv: bytes, ciphertext: bytes, tag: bytes) -> bytes:
    """What a proxy says that it has looked at after it had encrypted, and what is made of its answer here. 32 bytes.

    Source: AWS XKS Proxy API Specification, ciphertextDataIntegrityValue.
    """
    return sha256(binding + metadata + iv + ciphertext + tag).digest()
