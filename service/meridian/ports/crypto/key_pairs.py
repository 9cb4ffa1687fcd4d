"""Keys that are no symmetric encryption keys: signatures, codes, agreement, RSA."""

from __future__ import annotations

from typing import Protocol

from meridian.domain.key import Key
from meridian.domain.secret import Secret
from meridian.ports.crypto.ciphers import CipherUse, ReEncrypted
from meridian.ports.crypto.work import Work


class KeyPairs(Protocol):
    """Keys that are no symmetric encryption keys: signatures, codes, agreement, RSA."""

    def sign(self, key: Key, algorithm: str, message_type: str, message: bytes) -> Work[bytes]:
        """A signature. Raises: ValidationException where message, type and algorithm do not fit."""
        ...

    def verify(self, key: Key, algorithm: str, message_type: str, message: bytes, signature: bytes) -> Work[bool]:
        """Whether the signature is the key's. Raises: ValidationException where message, type and algorithm do not fit."""
        ...

    def public_key(self, key: Key) -> bytes:
        """The public half, DER SubjectPublicKeyInfo."""
        ...

    def mac(self, key: Key, algorithm: str, message: bytes) -> bytes:
        """28 to 64 bytes. Raises: ValidationException for a message that begins with reserved bytes."""
        ...

    def verify_mac(self, key: Key, algorithm: str, message: bytes, mac: bytes) -> bool:
        """Whether the code is the message's. Raises: as `mac`."""
        ...

    def derive_shared_secret(self, key: Key, public_key: bytes) -> Work[bytes]:
        """The raw ECDH secret, 32, 48 or 66 bytes. The work raises: ValidationException for a peer key that does not fit."""
        ...

    def encapsulate(self, key: Key) -> tuple[bytes, bytes]:
        """(shared secret of 32 bytes, ciphertext)."""
        ...

    def decapsulate(self, key: Key, ciphertext: bytes) -> Work[bytes]:
        """The shared secret. The work raises: InvalidCiphertextException for a ciphertext of another length."""
        ...

    def rsa_encrypt(self, key: Key, algorithm: str, plaintext: bytes) -> bytes:
        """A ciphertext as long as the modulus. Raises: ValidationException if the plaintext is too long."""
        ...

    def rsa_decrypt(self, key: Key, algorithm: str, ciphertext: bytes) -> Work[bytes]:
        """The plaintext. The work raises: InvalidCiphertextException for every cause."""
        ...

    def re_encrypt(self, source: CipherUse, ciphertext: bytes, destination: CipherUse) -> Work[ReEncrypted]:
        """Open under one key and seal under another. Raises, now or in the work: as `decrypt`, `rsa_decrypt` and `encrypt`;
        ValidationException for a plaintext that the destination cannot encrypt.
        """
        ...

    def new_data_key_pair(self, key_pair_spec: str, ready: Secret | None) -> tuple[bytes, bytes]:
        """(private key as DER PKCS #8, public key as DER SubjectPublicKeyInfo), of a private key as for `new_material`. Without one RSA
        takes up to a second: not on the event loop."""
        ...
