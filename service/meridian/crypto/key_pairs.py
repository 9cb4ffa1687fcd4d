"""Private keys of every asymmetric spec: made, loaded, checked when they come from outside.

Stored form: PKCS #8 DER for RSA, elliptic curves and Ed25519; the seed for ML-DSA (32 bytes) and ML-KEM (64 bytes).

Source: FIPS 186-5, FIPS 203, FIPS 204; RFC 5958, RFC 8410, RFC 5480.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, rsa

PrivateKey = Any
"""A loaded private key of the library."""

_DER, _PKCS8, _PLAIN = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()

RSA_EXPONENT_MIN: Final = 65537
RSA_EXPONENT_BITS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Family:
    """How keys of one spec are made, kept and recognised."""

    generate: Callable[[], PrivateKey]
    stored: Callable[[PrivateKey], bytes]
    load: Callable[[bytes], PrivateKey]
    is_of_spec: Callable[[PrivateKey], bool]


def _pkcs8(private: PrivateKey) -> bytes:
    made: bytes = private.private_bytes(_DER, _PKCS8, _PLAIN)
    return made


def _load_own(stored: bytes) -> PrivateKey:
    # The bytes are the service's own, opened from an authenticated row; checking the primes again would cost 25 ms.
    return serialization.load_der_private_key(stored, None, unsafe_skip_rsa_key_validation=True)


def _rsa(bits: int) -> Family:
    return Family(
        lambda: rsa.generate_private_key(65537, bits),
        _pkcs8,
        _load_own,
        lambda key: isinstance(key, rsa.RSAPrivateKey) and key.key_size == bits,
    )


def _curve(curve: type[ec.EllipticCurve]) -> Family:
    return Family(
        lambda: ec.generate_private_key(curve()),
        _pkcs8,
        _load_own,
        lambda key: isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, curve),
    )


def _seeded(kind: Any) -> Family:
    return Family(kind.generate, lambda key: bytes(key.private_bytes_raw()), kind.from_seed_bytes, lambda key: isinstance(key, kind))


TABLE: Final[dict[str, Family]] = {
    "RSA_2048": _rsa(2048),
    "RSA_3072": _rsa(3072),
    "RSA_4096": _rsa(4096),
    "ECC_NIST_P256": _curve(ec.SECP256R1),
    "ECC_NIST_P384": _curve(ec.SECP384R1),
    "ECC_NIST_P521": _curve(ec.SECP521R1),
    "ECC_SECG_P256K1": _curve(ec.SECP256K1),
    "ECC_NIST_EDWARDS25519": Family(
        ed25519.Ed25519PrivateKey.generate, _pkcs8, _load_own, lambda key: isinstance(key, ed25519.Ed25519PrivateKey)
    ),
    "ML_DSA_44": _seeded(mldsa.MLDSA44PrivateKey),
    "ML_DSA_65": _seeded(mldsa.MLDSA65PrivateKey),
    "ML_DSA_87": _seeded(mldsa.MLDSA87PrivateKey),
    "ML_KEM_768": _seeded(mlkem.MLKEM768PrivateKey),
    "ML_KEM_1024": _seeded(mlkem.MLKEM1024PrivateKey),
}
"""THE table: key specs that have a private and a public half."""


def new_private_key(key_spec: str) -> bytes:
    """A fresh private key in its stored form. RSA takes up to a second; other threads run meanwhile."""
    family = TABLE[key_spec]
    return family.stored(family.generate())


def load(key_spec: str, stored: bytes) -> PrivateKey:
    """A private key from its stored form, which this service has made or checked. Raises: ValueError."""
    return TABLE[key_spec].load(stored)


def public_bytes(private: PrivateKey) -> bytes:
    """The public half, DER SubjectPublicKeyInfo."""
    made: bytes = private.public_key().public_bytes(_DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return made


def pkcs8_bytes(private: PrivateKey) -> bytes:
    """The private half as callers get it, DER PKCS #8."""
    return _pkcs8(private)


def stored_from_outside(key_spec: str, pkcs8: bytes) -> bytes:
    """The stored form of a private key that somebody else has made, checked in full; what it costs is bounded by its spec.

    Raises: ValueError unless it is a valid key of this spec.
    """
    try:
        # The primes are checked below, when it is known that they are no larger than the spec's.
        private = serialization.load_der_private_key(pkcs8, None, unsafe_skip_rsa_key_validation=True)
    except Exception as fault:  # the library raises several kinds for what cannot be read
        raise ValueError("no private key in PKCS #8") from fault
    family = TABLE[key_spec]
    if not family.is_of_spec(private):
        raise ValueError("a private key of another kind")
    if isinstance(private, rsa.RSAPrivateKey):
        private = _checked_rsa(private)
    return family.stored(private)


def _checked_rsa(private: rsa.RSAPrivateKey) -> rsa.RSAPrivateKey:
    """The key, made anew of its numbers and checked in full, once they have the sizes that bound the check. Raises: ValueError.

    Source: FIPS 186-5, A.1.1: 2^16 < e, odd; p and q are each half as long as n. The library takes no e over 64 bits with every n.
    """
    numbers = private.private_numbers()
    e, n = numbers.public_numbers.e, numbers.public_numbers.n
    if e < RSA_EXPONENT_MIN:
        raise ValueError("the public exponent is too small")
    if e.bit_length() > RSA_EXPONENT_BITS_MAX or not e % 2:
        raise ValueError("the public exponent is even or too large")
    if {numbers.p.bit_length(), numbers.q.bit_length()} != {n.bit_length() // 2}:
        raise ValueError("the primes are not each half of the modulus")
    if max(numbers.d, numbers.dmp1, numbers.dmq1, numbers.iqmp) >= n:
        raise ValueError("a private number is larger than the modulus")
    return numbers.private_key()
