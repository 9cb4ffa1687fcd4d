"""Hybrid public key encryption, single shot, base mode: DHKEM(P-384, HKDF-SHA384), HKDF-SHA384, AES-256-GCM.

The library takes no associated data, so everything a text is bound to goes into `info`; the sender is proven by a signature.

Source: RFC 9180; docs/spec/ciphertext.md §5.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SUITE_P384: Final = 1
PUBLIC_BYTES: Final = 97

_SUITE: Final = hpke.Suite(hpke.KEM.P384, hpke.KDF.HKDF_SHA384, hpke.AEAD.AES_256_GCM)


def new_key_pair() -> tuple[bytes, bytes]:
    """A fresh key pair: private half as PKCS #8 DER, public half as an uncompressed point of 97 bytes."""
    key = ec.generate_private_key(ec.SECP384R1())
    private = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def key_id(public: bytes) -> bytes:
    """SHA-256 of the public key."""
    return sha256(public).digest()


def seal(public: bytes, info: bytes, plaintext: bytes) -> bytes:
    """Encapsulated key and ciphertext. Raises: ValueError if the public key is no point of the curve."""
    return _SUITE.encrypt(plaintext, ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), public), info=info)


def open_sealed(private: bytes, info: bytes, sealed: bytes) -> bytes:
    """The plaintext. Raises: ValueError if it does not open."""
    key = serialization.load_der_private_key(private, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("no P-384 private key")
    try:
        return _SUITE.decrypt(sealed, key, info=info)
    except InvalidTag as fault:
        raise ValueError("the envelope does not open") from fault
