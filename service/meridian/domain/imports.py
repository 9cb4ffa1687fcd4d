"""Importing key material: which wrapping fits which key, and what an import makes of a key. No bytes are seen here.

Source: AWS KMS API Reference, GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial; AWS KMS Developer Guide,
Importing key material; recorded answers for the texts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from meridian.domain.key import Key, KeyMaterial, KeySpec, MultiRegionKeyType
from meridian.errors import IncorrectKeyMaterialException, KMSInvalidStateException, ValidationException


class ImportType(StrEnum):
    """Whether an import brings material that the key has never had."""

    NEW = "NEW_KEY_MATERIAL"
    EXISTING = "EXISTING_KEY_MATERIAL"


WRAPPING_KEY_BITS: Final = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
OAEP: Final = frozenset({"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"})

KEY_WRAP: Final = frozenset({"RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"})

_RAW: Final = dict.fromkeys((*WRAPPING_KEY_BITS,), OAEP)
_RSA: Final = dict.fromkeys((*WRAPPING_KEY_BITS,), KEY_WRAP)
_SHORT: Final = dict.fromkeys((*WRAPPING_KEY_BITS,), OAEP | KEY_WRAP)
_LONG: Final = {**_SHORT, "RSA_2048": KEY_WRAP}

WRAPPINGS: Final[dict[KeySpec, dict[str, frozenset[str]]]] = {
    KeySpec.SYMMETRIC_DEFAULT: _RAW,
    KeySpec.HMAC_224: _RAW,
    KeySpec.HMAC_256: _RAW,
    KeySpec.HMAC_384: _RAW,
    KeySpec.HMAC_512: _RAW,
    KeySpec.RSA_2048: _RSA,
    KeySpec.RSA_3072: _RSA,
    KeySpec.RSA_4096: _RSA,
    KeySpec.ECC_NIST_P256: _SHORT,
    KeySpec.ECC_NIST_P384: _SHORT,
    KeySpec.ECC_SECG_P256K1: _SHORT,
    KeySpec.ECC_NIST_P521: _LONG,
    KeySpec.ECC_NIST_EDWARDS25519: _LONG,
}
"""THE table: wrapping algorithms that can carry the material of a key spec, by wrapping key."""


def require_wrapping(key: Key, algorithm: str, wrapping_key_spec: str) -> None:
    """Refuse a wrapping that cannot carry this key's material. Raises: ValidationException."""
    if algorithm not in WRAPPINGS.get(key.key_spec, {}).get(wrapping_key_spec, frozenset()):
        raise ValidationException(
            f"Wrapping algorithm {algorithm} and wrapping key spec {wrapping_key_spec} cannot be used to import a {key.key_spec} key.",
            fields=[("wrappingAlgorithm", "does not fit the key"), ("wrappingKeySpec", "does not fit the key")],
        )


@dataclass(frozen=True, slots=True)
class ImportTerms:
    """What the caller says about the material he imports."""

    import_type: ImportType | None
    key_material_id: str
    description: str | None
    expires_at: datetime | None


def require_import_terms(key: Key, terms: ImportTerms) -> None:
    """Refuse terms that this key's material cannot have. Raises: ValidationException."""
    given = {"importType": terms.import_type, "keyMaterialDescription": terms.description, "keyMaterialId": terms.key_material_id}
    for name, value in given.items():
        if value and key.key_spec is not KeySpec.SYMMETRIC_DEFAULT:
            raise _invalid(name, f"Input parameter {name} cannot be used with {key.key_spec} imported keys.")
    if terms.key_material_id and terms.import_type is ImportType.NEW:
        raise _invalid("keyMaterialId", "Input parameter keyMaterialId cannot be used with NEW_KEY_MATERIAL importType.")
    if key.multi_region_key_type is MultiRegionKeyType.REPLICA:
        if terms.import_type is ImportType.NEW:
            raise _invalid("importType", "Input parameter ImportType NEW_KEY_MATERIAL cannot be used on replica Multi-Region keys")
        if terms.description is not None:
            raise _invalid("keyMaterialDescription", "Key material description can only be specified on primary Multi-Region keys")


def shown_material_id(key: Key, material_id: str) -> str:
    """The id where answers, records and errors show one: symmetric encryption keys alone. Empty where they do not."""
    return material_id if key.key_spec is KeySpec.SYMMETRIC_DEFAULT else ""


def is_new(key: Key, terms: ImportTerms) -> bool:
    """Whether the import is of material that the key never had; where the caller leaves it open, the first import is."""
    if key.multi_region_key_type is MultiRegionKeyType.REPLICA:
        return False
    return terms.import_type is ImportType.NEW or (terms.import_type is None and not key.materials)


def with_import(key: Key, material: KeyMaterial, terms: ImportTerms) -> Key:
    """The key with freshly wrapped material, in the state that follows.

    Raises: IncorrectKeyMaterialException for bytes that are not the ones this key expects; KMSInvalidStateException for a second
    pending material.
    """
    known = key.find_material(material.material_id)
    if is_new(key, terms):
        if known is not None:
            raise IncorrectKeyMaterialException(
                f"Key material (id: {material.material_id}) being imported as NEW_KEY_MATERIAL is already associated with "
                f"KMS key {key.arn}."
            )
        return _with_new(key, replace(material, description=terms.description or "", expires_at=terms.expires_at))
    expected = terms.key_material_id or key.current_material_id
    if known is None or (terms.key_material_id and terms.key_material_id != material.material_id):
        shown = f" ({expected})" if shown_material_id(key, expected) else ""
        raise IncorrectKeyMaterialException(f"Imported key material does not have the expected identifier{shown}.")
    again = replace(
        known,
        sealed_bytes=material.sealed_bytes,
        row_version=material.row_version,
        expires_at=terms.expires_at,
        description=known.description if terms.description is None else terms.description,
    )
    return key.with_replaced(again).with_material_gained()


def _with_new(key: Key, material: KeyMaterial) -> Key:
    if not key.materials:
        return key.with_material(material, current=True).with_material_gained()
    if key.pending_material_id:
        raise KMSInvalidStateException(
            f"New key material (id: {material.material_id}) cannot be imported into KMS key {key.arn}, because another key material "
            f"(id: {key.pending_material_id}) is pending rotation.",
            key_arn=key.arn,
        )
    return key.with_pending(material)


def without_material(key: Key, material_id: str) -> Key:
    """The key after this material was deleted here: pending material is forgotten, other material stays known by its id."""
    material = key.find_material(material_id)
    if material is None:
        raise ValidationException(
            f"Key material (id: {material_id}) has never been imported into KMS key {key.arn}.",
            fields=[("keyMaterialId", "never imported")],
        )
    is_shared = key.multi_region_key_type is MultiRegionKeyType.REPLICA
    if material_id == key.pending_material_id and not is_shared:
        return key.without_pending()
    return key.with_replaced(replace(material, sealed_bytes=b"", expires_at=None)).with_material_lost()


def without_expired(key: Key, now: datetime) -> tuple[Key, tuple[str, ...]]:
    """The key after every material past its time was deleted, and the ids of these."""
    expired = tuple(m.material_id for m in key.materials if m.expires_at is not None and m.expires_at <= now)
    for material_id in expired:
        key = without_material(key, material_id)
    return key, expired


def _invalid(field: str, message: str) -> ValidationException:
    return ValidationException(message, fields=[(field, message)])
