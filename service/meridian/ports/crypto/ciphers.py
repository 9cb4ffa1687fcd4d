"""Material of keys, and symmetric encryption with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from meridian.domain.ciphertext_blob import CiphertextBlob
from meridian.domain.key import Key, KeyMaterial
from meridian.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A ciphertext and the material that made it."""

    ciphertext_blob: bytes
    material_id: str


@dataclass(frozen=True, slots=True)
class Decrypted:
    """A plaintext and the material that opened it."""

    plaintext: bytes
    material_id: str


@dataclass(frozen=True, slots=True)
class ReEncrypted:
    """A ciphertext under a new key; the plaintext never left the engine."""

    ciphertext_blob: bytes
    source_material_id: str
    destination_material_id: str


@dataclass(frozen=True, slots=True)
class CipherUse:
    """A key with the algorithm it is used for, and the encryption context, in canonical form, where the algorithm takes one."""

    key: Key
    algorithm: str
    encryption_context: bytes


class SymmetricKeys(Protocol):
    """Material of keys, and symmetric encryption with it."""

    def new_material(self, key: Key, ready: Secret | None) -> KeyMaterial:
        """Fresh material for a key, wrapped and bound to it; the rotation number is one above the highest the key has, or 0. It is a
        private key that was made before, in its stored form, or, where there is none, made now: RSA takes up to a second."""
        ...

    def encrypt(self, key: Key, encryption_context: bytes, plaintext: bytes) -> Encrypted:
        """Encrypt under the current material. `encryption_context` is in canonical form.

        Raises: KMSInternalException if the wrapped row does not open.
        """
        ...

    def decrypt(self, key: Key, encryption_context: bytes, blob: CiphertextBlob) -> Decrypted:
        """Open a blob of this key.

        Raises: InvalidCiphertextException for every cause that lies in the request; KMSInternalException if the wrapped row
        does not open.
        """
        ...

    def random(self, number_of_bytes: int) -> bytes:
        """Fresh random bytes, 1..1024."""
        ...
