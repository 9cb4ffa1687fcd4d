"""Secrets that two parties come to: ECDH, ML-KEM; and RSA encryption of a few bytes.

Source: NIST SP 800-56A Rev. 3 §5.7.1.2; FIPS 203; RFC 8017 §7.1.
"""

from __future__ import annotations

from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

from meridian.crypto.rsa_wrapping import OAEP


def derive(private: ec.EllipticCurvePrivateKey, peer: bytes) -> bytes:
    """The raw ECDH secret: the x-coordinate, as long as the field. Raises: ValueError for a peer key that does not fit."""
    try:
        public: Any = serialization.load_der_public_key(peer)
    except UnsupportedAlgorithm as fault:  # a curve that the peer describes by its own parameters
        raise ValueError("no public key of a named curve") from fault
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name != private.curve.name:
        raise ValueError("no public key of this curve")
    return private.exchange(ec.ECDH(), public)


def encapsulate(private: Any) -> tuple[bytes, bytes]:
    """(shared secret of 32 bytes, ciphertext) for the public half of this key."""
    secret, ciphertext = private.public_key().encapsulate()
    return bytes(secret), bytes(ciphertext)


def decapsulate(private: Any, ciphertext: bytes) -> bytes:
    """The shared secret; another one for a ciphertext that is not this key's. Raises: ValueError for a wrong length."""
    return bytes(private.decapsulate(ciphertext))


def rsa_encrypt(private: Any, algorithm: str, plaintext: bytes) -> bytes:
    """A ciphertext as long as the modulus. Raises: ValueError if the plaintext is too long."""
    return bytes(private.public_key().encrypt(plaintext, _oaep(algorithm)))


def rsa_decrypt(private: Any, algorithm: str, ciphertext: bytes) -> bytes:
    """Raises: ValueError, the same for every cause."""
    return bytes(private.decrypt(ciphertext, _oaep(algorithm)))


def _oaep(algorithm: str) -> padding.OAEP:
    digest = OAEP[algorithm]()
    return padding.OAEP(padding.MGF1(digest), digest, None)
