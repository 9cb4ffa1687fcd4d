"""ECDSA on P-384 with SHA-384: the transport signatures between Regions.

Source: FIPS 186-5; docs/spec/ciphertext.md §5.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SigningKey = ec.EllipticCurvePrivateKey


def new_signing_key() -> tuple[bytes, bytes]:
    """A fresh key pair: private half as PKCS #8 DER, public half as SubjectPublicKeyInfo DER."""
    key = ec.generate_private_key(ec.SECP384R1())
    private = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def load_signing_key(private: bytes) -> ec.EllipticCurvePrivateKey:
    """Raises: ValueError if the bytes are no P-384 private key."""
    key = serialization.load_der_private_key(private, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP384R1):
        raise ValueError("no P-384 private key")
    return key


def sign(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """A DER signature."""
    return key.sign(message, ec.ECDSA(hashes.SHA384()))


def verify(public: bytes, signature: bytes, message: bytes) -> None:
    """Raises: ValueError if the key is no P-384 key or the signature does not verify."""
    try:
        key = serialization.load_der_public_key(public)
    except UnsupportedAlgorithm as fault:
        raise ValueError("no P-384 public key") from fault
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise ValueError("no P-384 public key")
    try:
        key.verify(signature, message, ec.ECDSA(hashes.SHA384()))
    except InvalidSignature as fault:
        raise ValueError("the signature does not verify") from fault
