"""The bytes of the XKS proxy API: what AES-GCM authenticates, the data integrity value, the metadata of a ciphertext.

Source: AWS KMS External Key Store (XKS) Proxy API Specification, EncryptKey; docs/spec/external-keys.md.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

PLAINTEXT_BYTES_MAX: Final = 4300
AAD_BYTES_MAX: Final = 8192
IV_BYTES: Final = 16
TAG_BYTES: Final = 16
LAYOUT: Final = 1
MATERIAL_BYTES: Final = 16
"""Of the material's id: enough to tell the materials of one key apart."""
METADATA_BYTES: Final = 1 + MATERIAL_BYTES


def metadata_of(material_id: str) -> bytes:
    """The metadata of a ciphertext under this material."""
    return bytes([LAYOUT]) + bytes.fromhex(material_id)[:MATERIAL_BYTES]


def material_prefix(metadata: bytes) -> str | None:
    """What the id of the material begins with, in lower-case hexadecimal digits; None for metadata of another layout."""
    if len(metadata) != METADATA_BYTES or metadata[0] != LAYOUT:
        return None
    return metadata[1:].hex()


def authenticated(aad: bytes, metadata: bytes) -> bytes:
    """What AES-GCM authenticates: each part behind its length, so that no byte can pass from one to the other."""
    return len(aad).to_bytes(2, "big") + aad + bytes([len(metadata)]) + metadata


def integrity_value(aad: bytes, metadata: bytes, iv: bytes, ciphertext: bytes, tag: bytes) -> bytes:
    """The ciphertext data integrity value, 32 bytes. It has no lengths: the specification says so."""
    return sha256(aad + metadata + iv + ciphertext + tag).digest()
