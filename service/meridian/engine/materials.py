"""Material of every key spec: how it comes to be, what it must look like when it comes from outside, how it is named.

Source: docs/spec/ciphertext.md §3; AWS KMS Developer Guide, Importing key material.
"""

from __future__ import annotations

from meridian.crypto import key_pairs
from meridian.domain.algorithms import TABLE, has_public_key
from meridian.domain.key import Key, KeySpec
from meridian.domain.material_id import material_id
from meridian.ports.crypto.imports import CheckRsa
from meridian.ports.entropy import Entropy


def fresh(key_spec: KeySpec, entropy: Entropy) -> bytes:
    """New material for a key of this spec."""
    if has_public_key(key_spec):
        return key_pairs.new_private_key(key_spec)
    return entropy.random_bytes(TABLE[key_spec].material_bytes[0])


def identifier(key: Key, material: bytes) -> str:
    """The material's id. A key pair is named by its public half, so that two encodings of one private key agree."""
    if not has_public_key(key.key_spec):
        return material_id(key.key_id, material)
    return material_id(key.key_id, key_pairs.public_bytes(key_pairs.load(key.key_spec, material)))


def from_outside(key_spec: KeySpec, material: bytes, check_rsa: CheckRsa) -> bytes:
    """Imported material in its stored form. Raises: ValueError unless it is material of this spec."""
    if key_spec.startswith("RSA_"):
        return check_rsa(key_spec, material)
    if has_public_key(key_spec):
        return key_pairs.stored_from_outside(key_spec, material)
    shortest, longest = TABLE[key_spec].material_bytes
    if not shortest <= len(material) <= longest:
        raise ValueError("material of another length")
    return material
