"""THE table: what each key spec can do. No other file asks which spec a key has.

Source: AWS KMS Developer Guide, Key spec reference; AWS KMS API Reference, CreateKey.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from meridian.domain.key import KeySpec, KeyUsage

SYMMETRIC: Final = "SYMMETRIC_DEFAULT"
"""The one algorithm whose ciphertexts name their key."""

_ENCRYPT: Final = KeyUsage.ENCRYPT_DECRYPT
_SIGN: Final = KeyUsage.SIGN_VERIFY
_MAC: Final = KeyUsage.GENERATE_VERIFY_MAC
_AGREE: Final = KeyUsage.KEY_AGREEMENT
_ENCAPSULATE: Final = KeyUsage.ENCAPSULATE_DECAPSULATE

_OAEP: Final = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
_RSA_SIGN: Final = tuple(f"RSASSA_{padding}_SHA_{bits}" for padding in ("PKCS1_V1_5", "PSS") for bits in (256, 384, 512))


class Material(StrEnum):
    """What the bytes of a key are."""

    RAW = "raw"
    PRIVATE_KEY = "private key"


@dataclass(frozen=True, slots=True)
class SpecRow:
    """One key spec: the algorithms of each usage it can be created for, what its material is, and whether this server makes such keys."""

    algorithms: dict[KeyUsage, tuple[str, ...]]
    is_offered: bool = True
    material: Material = Material.PRIVATE_KEY
    material_bytes: tuple[int, int] = (0, 0)
    """Of raw material: what is generated, and the most that may be imported."""
    is_slow_to_make: bool = False
    """Whether generating one would hold the event loop up."""
    is_quick_to_use: bool = False
    """Whether work with one takes so little that the event loop does it."""
    may_be_imported: bool = True
    plaintext_bytes_max: dict[str, int] | None = None
    """Largest plaintext of Encrypt, by algorithm."""


def _rsa(bits: int) -> SpecRow:
    size = bits // 8
    return SpecRow(
        {_ENCRYPT: _OAEP, _SIGN: _RSA_SIGN},
        is_slow_to_make=True,
        plaintext_bytes_max={"RSAES_OAEP_SHA_1": size - 2 * 20 - 2, "RSAES_OAEP_SHA_256": size - 2 * 32 - 2},
    )


def _hmac(bits: int) -> SpecRow:
    return SpecRow({_MAC: (f"HMAC_SHA_{bits}",)}, material=Material.RAW, material_bytes=(bits // 8, 128), is_quick_to_use=True)


TABLE: Final[dict[KeySpec, SpecRow]] = {
    KeySpec.SYMMETRIC_DEFAULT: SpecRow(
        {_ENCRYPT: ("SYMMETRIC_DEFAULT",)},
        material=Material.RAW,
        material_bytes=(32, 32),
        is_quick_to_use=True,
        plaintext_bytes_max={"SYMMETRIC_DEFAULT": 4096},
    ),
    KeySpec.HMAC_224: _hmac(224),
    KeySpec.HMAC_256: _hmac(256),
    KeySpec.HMAC_384: _hmac(384),
    KeySpec.HMAC_512: _hmac(512),
    KeySpec.RSA_2048: _rsa(2048),
    KeySpec.RSA_3072: _rsa(3072),
    KeySpec.RSA_4096: _rsa(4096),
    KeySpec.ECC_NIST_P256: SpecRow({_SIGN: ("ECDSA_SHA_256",), _AGREE: ("ECDH",)}, is_quick_to_use=True),
    KeySpec.ECC_NIST_P384: SpecRow({_SIGN: ("ECDSA_SHA_384",), _AGREE: ("ECDH",)}),
    KeySpec.ECC_NIST_P521: SpecRow({_SIGN: ("ECDSA_SHA_512",), _AGREE: ("ECDH",)}),
    KeySpec.ECC_NIST_EDWARDS25519: SpecRow({_SIGN: ("ED25519_PH_SHA_512", "ED25519_SHA_512")}, is_quick_to_use=True),
    KeySpec.ECC_SECG_P256K1: SpecRow({_SIGN: ("ECDSA_SHA_256",)}),
    KeySpec.ML_DSA_44: SpecRow({_SIGN: ("ML_DSA_SHAKE_256",)}, may_be_imported=False),
    KeySpec.ML_DSA_65: SpecRow({_SIGN: ("ML_DSA_SHAKE_256",)}, may_be_imported=False),
    KeySpec.ML_DSA_87: SpecRow({_SIGN: ("ML_DSA_SHAKE_256",)}, may_be_imported=False),
    KeySpec.ML_KEM_512: SpecRow({_ENCAPSULATE: ("ML_KEM",)}, is_offered=False, may_be_imported=False),
    KeySpec.ML_KEM_768: SpecRow({_ENCAPSULATE: ("ML_KEM",)}, is_quick_to_use=True, may_be_imported=False),
    KeySpec.ML_KEM_1024: SpecRow({_ENCAPSULATE: ("ML_KEM",)}, is_quick_to_use=True, may_be_imported=False),
    KeySpec.SM2: SpecRow({_ENCRYPT: ("SM2PKE",), _SIGN: ("SM2DSA",), _AGREE: ("ECDH",)}, is_offered=False),
}


def algorithms(key_spec: KeySpec, key_usage: KeyUsage) -> tuple[str, ...]:
    """Algorithms of a key of this spec and usage; empty when the two do not fit."""
    return TABLE[key_spec].algorithms.get(key_usage, ())


def plaintext_bytes_max(key_spec: KeySpec, algorithm: str) -> int:
    """Largest plaintext that Encrypt takes, in bytes. Raises: KeyError for an algorithm that does not encrypt."""
    limits = TABLE[key_spec].plaintext_bytes_max
    if limits is None:
        raise KeyError(algorithm)
    return limits[algorithm]


def is_symmetric_encryption(key_spec: KeySpec) -> bool:
    """Whether keys of this spec make ciphertexts that name their key, rotate, and take an encryption context."""
    return "SYMMETRIC_DEFAULT" in algorithms(key_spec, _ENCRYPT)


def has_public_key(key_spec: KeySpec) -> bool:
    """Whether keys of this spec have a private and a public half."""
    return TABLE[key_spec].material is Material.PRIVATE_KEY
