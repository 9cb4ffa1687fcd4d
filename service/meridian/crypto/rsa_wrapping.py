"""RSA keys that wrap material on its way in.

Source: NIST SP 800-56B Rev. 2, RSA-OAEP; RFC 8017 §7.1.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding

OAEP: Final[dict[str, type[hashes.HashAlgorithm]]] = {"RSAES_OAEP_SHA_1": hashes.SHA1, "RSAES_OAEP_SHA_256": hashes.SHA256}
"""Hash of label and mask generation, by wrapping algorithm; the label is empty."""

KEY_WRAP: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "RSA_AES_KEY_WRAP_SHA_1": hashes.SHA1,
    "RSA_AES_KEY_WRAP_SHA_256": hashes.SHA256,
}
"""The same for an AES key, in front, that wraps the material with padding (RFC 5649)."""

WRAPPING_KEY_BYTES: Final = 32


def new_private_key(bits: int) -> bytes:
    """A fresh RSA key, exponent 65537, as DER PKCS#8. Takes up to a second; other threads run meanwhile."""
    private = rsa.generate_private_key(65537, bits)
    return private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def public_key(private: bytes) -> bytes:
    """The public half, DER SubjectPublicKeyInfo."""
    return _load(private).public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def unwrap(private: bytes, wrapping_algorithm: str, wrapped: bytes) -> bytes:
    """What is inside. Raises: ValueError if it does not open, whatever the cause; KeyError for an unknown algorithm."""
    own = _load(private)
    if wrapping_algorithm in KEY_WRAP:
        size = own.key_size // 8
        wrapping_key = _open(own, KEY_WRAP[wrapping_algorithm], wrapped[:size])
        if len(wrapping_key) != WRAPPING_KEY_BYTES:
            raise ValueError("the wrapping key is not of 256 bits")
        try:
            return aes_key_unwrap_with_padding(wrapping_key, wrapped[size:])
        except InvalidUnwrap as fault:
            raise ValueError("the material does not open under the wrapping key") from fault
    return _open(own, OAEP[wrapping_algorithm], wrapped)


def _open(own: rsa.RSAPrivateKey, algorithm: type[hashes.HashAlgorithm], wrapped: bytes) -> bytes:
    return own.decrypt(wrapped, padding.OAEP(padding.MGF1(algorithm()), algorithm(), None))


def _load(private: bytes) -> rsa.RSAPrivateKey:
    # The bytes are the service's own, opened from an authenticated row; checking the primes again would cost 25 ms.
    loaded = serialization.load_der_private_key(private, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(loaded, rsa.RSAPrivateKey):
        raise ValueError("no RSA key")
    return loaded
