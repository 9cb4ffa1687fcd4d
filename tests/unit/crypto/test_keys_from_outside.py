"""RSA private keys that somebody else has made: sizes are looked at before primes, so that a check costs what the spec's own keys cost."""

from __future__ import annotations

from functools import lru_cache

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from meridian.crypto import key_pairs

MERSENNE = {bits: 2**bits - 1 for bits in (3217, 4253, 4423)}
"""Primes of these lengths."""


@lru_cache
def primes(bits: int) -> tuple[int, int]:
    """Two primes of half as many bits."""
    numbers = rsa.generate_private_key(65537, bits).private_numbers()
    return numbers.p, numbers.q


def _tagged(tag: int, content: bytes) -> bytes:
    length = len(content)
    octets = length.to_bytes(max(1, (length.bit_length() + 7) // 8), "big")
    size = octets if length < 128 else bytes([0x80 | len(octets)]) + octets
    return bytes([tag]) + size + content


def pkcs8(p: int, q: int, *, e: int = 65537, d: int | None = None, n: int | None = None, others: tuple[int, ...] = ()) -> bytes:
    """PKCS #8 of these numbers, whether or not they make a key. Source: RFC 5958; RFC 8017, A.1.2."""
    exponent = pow(65537, -1, (p - 1) * (q - 1)) if d is None else d
    numbers = (1 if others else 0, n or p * q, e, exponent, p, q, exponent % (p - 1), exponent % (q - 1), pow(q, -1, p))
    key = b"".join(_tagged(2, number.to_bytes(number.bit_length() // 8 + 1, "big")) for number in numbers)
    if others:
        triple = b"".join(_tagged(2, number.to_bytes(number.bit_length() // 8 + 1, "big")) for number in (*others, 1, 1))
        key += _tagged(0x30, _tagged(0x30, triple))
    algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
    return _tagged(0x30, b"\x02\x01\x00" + algorithm + _tagged(4, _tagged(0x30, key)))


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_a_right_key_is_taken_as_it_is(bits: int) -> None:
    made = pkcs8(*primes(bits))
    stored = key_pairs.stored_from_outside(f"RSA_{bits}", made)
    loaded, own = key_pairs.load(f"RSA_{bits}", stored), serialization.load_der_private_key(made, None)
    assert key_pairs.public_bytes(loaded) == key_pairs.public_bytes(own)


def test_a_key_of_another_size_is_refused_before_its_primes_are_checked() -> None:
    """The prime of 4,253 bits has a twin that is none; a check of primes first would say that."""
    with pytest.raises(ValueError, match="of another kind"):
        key_pairs.stored_from_outside("RSA_4096", pkcs8(MERSENNE[4423], MERSENNE[4253]))
    with pytest.raises(ValueError, match="of another kind"):
        key_pairs.stored_from_outside("RSA_4096", pkcs8(MERSENNE[4423], MERSENNE[4253] - 2))
    with pytest.raises(ValueError, match="of another kind"):
        key_pairs.stored_from_outside("ECC_NIST_P256", pkcs8(MERSENNE[4423], MERSENNE[4253] - 2))


def test_primes_that_are_not_halves_of_the_modulus_are_refused_before_they_are_checked() -> None:
    p = MERSENNE[3217]
    q = next(q for q in primes(2 * 879) if (p * q).bit_length() == 4096)
    for first, second in ((p, q), (q, p), (p, q + 2)):
        with pytest.raises(ValueError, match="not each half of the modulus"):
            key_pairs.stored_from_outside("RSA_4096", pkcs8(first, second))
    p, q = primes(2048)
    with pytest.raises(ValueError, match="not each half of the modulus"):
        key_pairs.stored_from_outside("RSA_2048", pkcs8(MERSENNE[4423], q, n=p * q))


@pytest.mark.parametrize("e", [3, 65535, 65538, 2**64 + 1])
def test_a_public_exponent_that_is_not_fit_is_refused(e: int) -> None:
    with pytest.raises(ValueError, match="the public exponent is"):
        key_pairs.stored_from_outside("RSA_2048", pkcs8(*primes(2048), e=e))


def test_another_fit_exponent_is_taken() -> None:
    p, q = primes(2048)
    e = 2**33 + 17
    made = pkcs8(p, q, e=e, d=pow(e, -1, (p - 1) * (q - 1)))
    loaded = key_pairs.load("RSA_2048", key_pairs.stored_from_outside("RSA_2048", made))
    assert loaded.public_key().public_numbers().e == e


def test_numbers_that_make_no_key_are_refused() -> None:
    p, q = primes(2048)
    d = pow(65537, -1, (p - 1) * (q - 1))
    for made in (
        pkcs8(p, q - 2, n=p * (q - 2)),
        pkcs8(p, q, d=d + 2),
        pkcs8(p, q, d=d + (p - 1) * (q - 1) * 2**4000),
        pkcs8(p, q, n=p * q + 2),
        pkcs8(p, q, others=(MERSENNE[4423],)),
    ):
        with pytest.raises(ValueError, match=r".+"):
            key_pairs.stored_from_outside("RSA_2048", made)
