"""What serving keys to another KMS asks of the outside: what is exported now, and the cipher of an export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from meridian.domain.key import Key
from meridian.domain.xks import Export


@dataclass(frozen=True, slots=True)
class KeyStorePlace:
    """A key store, as far as a call must know it."""

    prefix: str
    account: str


class Exports(Protocol):
    """What is exported, as it is at the moment of the question.

    Each raises KMSInternalException where that has not been read for longer than the staleness bound, so that nothing revoked is served.
    """

    def find_store(self, prefix: str) -> KeyStorePlace | None:
        """The key store of this URI path prefix."""
        ...

    def find_secret(self, prefix: str, access_key_id: str) -> str | None:
        """The secret access key of a credential of this key store."""
        ...

    def find_export(self, export_id: str) -> Export | None:
        """The export of this id, of whatever key store."""
        ...


@dataclass(frozen=True, slots=True)
class ExternalCiphertext:
    """What encryption under an export answers."""

    ciphertext: bytes
    """As long as the plaintext."""
    iv: bytes
    """16 bytes."""
    tag: bytes
    """16 bytes."""
    metadata: bytes
    """17 bytes: layout and material."""


class ExportCipher(Protocol):
    """AES-256-GCM under the key that is derived for one export of a key."""

    def encrypt(self, key: Key, export_id: str, plaintext: bytes, aad: bytes) -> tuple[ExternalCiphertext, str]:
        """Encrypt under the current material; its id comes with the ciphertext. Raises: KMSInternalException if its row does not open."""
        ...

    def decrypt(self, key: Key, export_id: str, sealed: ExternalCiphertext, aad: bytes) -> tuple[bytes, str]:
        """Open what `encrypt` made, under whatever material of the key it was, whose id comes with the plaintext.

        Raises: InvalidCiphertextException for every cause that lies in the request; KeyUnavailableException where a key that catches up
        with its related keys may miss the material; KMSInternalException if its row does not open.
        """
        ...

    def require_sound(self) -> None:
        """Encrypt and open something under a key that is nobody's. Raises: KMSInternalException where that fails."""
        ...
