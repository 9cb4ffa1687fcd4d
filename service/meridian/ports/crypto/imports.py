"""Material that comes from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from meridian.domain.key import Key, KeyMaterial
from meridian.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class ImportParameters:
    """A wrapping key that is given out, and what is kept of it."""

    token_id: str
    """32 lower-case hexadecimal digits."""
    token: bytes
    public_key: bytes
    """DER SubjectPublicKeyInfo."""
    sealed_private_key: bytes


@dataclass(frozen=True, slots=True)
class ImportToken:
    """What an import token says, once it has opened."""

    token_id: str
    key_arn: str
    wrapping_algorithm: str
    wrapping_key_spec: str
    expires_at: datetime


CheckRsa = Callable[[str, bytes], bytes]
"""The stored form of an RSA private key, PKCS #8, of a key spec. Raises: ValueError unless it is sound."""


class MaterialImports(Protocol):
    """Material that comes from outside."""

    def import_parameters(
        self, key: Key, algorithm: str, wrapping_key_spec: str, private_key: Secret, issued_at: datetime, expires_at: datetime
    ) -> ImportParameters:
        """A token and a public key for imports into this key; `private_key` is RSA, DER PKCS#8."""
        ...

    def open_import_token(self, token: bytes) -> ImportToken:
        """Raises: InvalidImportTokenException."""
        ...

    def import_material(
        self, key: Key, token: ImportToken, sealed_private_key: bytes, encrypted: bytes, check_rsa: CheckRsa
    ) -> KeyMaterial:
        """Unwrap what came under a wrapping key and wrap it as a row of this key. Takes milliseconds, and a second with an RSA key, which
        `check_rsa` checks: not on the event loop.

        Raises: InvalidCiphertextException, the same for every fault of the wrapping and for a wrong length;
        IncorrectKeyMaterialException for bytes that are all equal.
        """
        ...
