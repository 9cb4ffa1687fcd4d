"""What an import may bring to a key, and what it makes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.unit.domain.made_keys import ARN, FIRST, NOW, PRIMARY, REPLICA, SECOND, THIRD, key_of

from meridian.domain.imports import (
    WRAPPINGS,
    ImportTerms,
    ImportType,
    is_new,
    require_import_terms,
    require_wrapping,
    shown_material_id,
    with_import,
    without_expired,
    without_material,
)
from meridian.domain.key import Key, KeyMaterial, KeySpec, KeyState, Origin
from meridian.errors import IncorrectKeyMaterialException, KMSInvalidStateException, ValidationException

LATER = NOW + timedelta(days=30)
EMPTY = {"materials": (), "current_material_id": "", "state": KeyState.PENDING_IMPORT}


def imported(**changes: Any) -> Key:
    return key_of(origin=Origin.EXTERNAL, **changes)


def terms(
    kind: ImportType | None = None, material_id: str = "", description: str | None = None, expires_at: datetime | None = None
) -> ImportTerms:
    return ImportTerms(kind, material_id, description, expires_at)


# ---- wrappings


@pytest.mark.parametrize(
    ("spec", "wrapping", "bits"),
    [
        (KeySpec.SYMMETRIC_DEFAULT, "RSAES_OAEP_SHA_256", "RSA_2048"),
        (KeySpec.HMAC_512, "RSAES_OAEP_SHA_1", "RSA_4096"),
        (KeySpec.RSA_4096, "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048"),
        (KeySpec.ECC_NIST_P384, "RSAES_OAEP_SHA_256", "RSA_2048"),
        (KeySpec.ECC_NIST_P521, "RSAES_OAEP_SHA_256", "RSA_3072"),
        (KeySpec.ECC_NIST_P521, "RSA_AES_KEY_WRAP_SHA_1", "RSA_2048"),
    ],
)
def test_a_wrapping_that_can_carry_the_material_is_taken(spec: KeySpec, wrapping: str, bits: str) -> None:
    require_wrapping(imported(key_spec=spec), wrapping, bits)


@pytest.mark.parametrize(
    ("spec", "wrapping", "bits"),
    [
        (KeySpec.SYMMETRIC_DEFAULT, "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048"),
        (KeySpec.RSA_2048, "RSAES_OAEP_SHA_256", "RSA_4096"),
        (KeySpec.ECC_NIST_P521, "RSAES_OAEP_SHA_256", "RSA_2048"),
        (KeySpec.SYMMETRIC_DEFAULT, "RSAES_OAEP_SHA_256", "SM2"),
        (KeySpec.ML_DSA_44, "RSA_AES_KEY_WRAP_SHA_256", "RSA_4096"),
    ],
)
def test_a_wrapping_that_cannot_is_refused_by_both_fields(spec: KeySpec, wrapping: str, bits: str) -> None:
    with pytest.raises(ValidationException) as refused:
        require_wrapping(imported(key_spec=spec), wrapping, bits)
    assert refused.value.message == f"Wrapping algorithm {wrapping} and wrapping key spec {bits} cannot be used to import a {spec} key."
    assert [name for name, _ in refused.value.fields] == ["wrappingAlgorithm", "wrappingKeySpec"]


def test_every_spec_whose_material_may_be_imported_has_a_wrapping() -> None:
    from meridian.domain.algorithms import TABLE

    assert {spec for spec, row in TABLE.items() if row.may_be_imported and row.is_offered} == set(WRAPPINGS)


# ---- terms


@pytest.mark.parametrize(
    ("changes", "said", "field"),
    [
        ({"key_spec": KeySpec.RSA_2048}, terms(ImportType.NEW), "importType"),
        ({"key_spec": KeySpec.RSA_2048}, terms(description="x"), "keyMaterialDescription"),
        ({"key_spec": KeySpec.RSA_2048}, terms(material_id="a" * 64), "keyMaterialId"),
        ({}, terms(ImportType.NEW, "a" * 64), "keyMaterialId"),
        ({"multi_region": REPLICA}, terms(ImportType.NEW), "importType"),
        ({"multi_region": REPLICA}, terms(description=""), "keyMaterialDescription"),
    ],
)
def test_terms_that_a_key_cannot_have_are_refused_by_their_field(changes: dict[str, Any], said: ImportTerms, field: str) -> None:
    with pytest.raises(ValidationException) as refused:
        require_import_terms(imported(**changes), said)
    assert refused.value.fields == ((field, refused.value.message),)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"key_spec": KeySpec.RSA_2048}, terms(description="")),
        ({}, terms(ImportType.EXISTING, "a" * 64, "x")),
        ({"multi_region": PRIMARY}, terms(ImportType.NEW, description="x")),
        ({"multi_region": REPLICA}, terms(ImportType.EXISTING, "a" * 64)),
    ],
)
def test_other_terms_are_taken(changes: dict[str, Any], said: ImportTerms) -> None:
    require_import_terms(imported(**changes), said)


@pytest.mark.parametrize(
    ("changes", "kind", "new"),
    [
        (EMPTY, None, True),
        (EMPTY, ImportType.EXISTING, False),
        ({}, None, False),
        ({}, ImportType.NEW, True),
        ({**EMPTY, "multi_region": REPLICA}, None, False),
        ({"multi_region": REPLICA}, ImportType.NEW, False),
        ({"multi_region": PRIMARY}, ImportType.NEW, True),
    ],
)
def test_an_import_is_of_new_material_or_of_what_the_key_had(changes: dict[str, Any], kind: ImportType | None, new: bool) -> None:
    assert is_new(imported(**changes), terms(kind)) is new


def test_ids_of_material_are_shown_for_symmetric_keys_alone() -> None:
    assert shown_material_id(imported(), "a") == "a"
    assert shown_material_id(imported(key_spec=KeySpec.HMAC_256), "a") == ""


# ---- what an import makes of a key


def test_the_first_material_is_the_current_one_and_the_key_works() -> None:
    key = with_import(imported(**EMPTY), FIRST, terms(description="mine", expires_at=LATER))
    brought = replace(FIRST, description="mine", expires_at=LATER)
    assert key == imported(materials=(brought,), current_material_id=FIRST.material_id)


def test_new_material_waits_for_a_rotation_and_only_one_does() -> None:
    key = with_import(imported(), SECOND, terms(ImportType.NEW))
    assert key == imported().with_pending(replace(SECOND, description=""))
    with pytest.raises(KMSInvalidStateException) as refused:
        with_import(key, THIRD, terms(ImportType.NEW))
    assert refused.value.key_arn == ARN
    assert SECOND.material_id in refused.value.message
    with pytest.raises(IncorrectKeyMaterialException, match="already associated"):
        with_import(key, SECOND, terms(ImportType.NEW))


def test_material_that_the_key_had_comes_back_with_its_new_bytes_and_time() -> None:
    lost = replace(FIRST, sealed_bytes=b"", description="old", rotation_number=0)
    key = imported(materials=(lost,), state=KeyState.PENDING_IMPORT)
    brought = KeyMaterial(FIRST.material_id, 9, 5, b"again")
    back = with_import(key, brought, terms(expires_at=LATER))
    assert back == imported(materials=(replace(lost, sealed_bytes=b"again", row_version=5, expires_at=LATER),))
    described = with_import(key, brought, terms(ImportType.EXISTING, FIRST.material_id, ""))
    assert described.materials[0].description == ""
    assert described.materials[0].expires_at is None


@pytest.mark.parametrize(
    ("changes", "material", "said", "shown"),
    [
        ({}, SECOND, terms(), f" ({FIRST.material_id})"),
        ({"materials": (FIRST, SECOND)}, SECOND, terms(material_id=FIRST.material_id), f" ({FIRST.material_id})"),
        ({}, SECOND, terms(material_id=SECOND.material_id), f" ({SECOND.material_id})"),
        ({"key_spec": KeySpec.HMAC_256}, SECOND, terms(), ""),
    ],
)
def test_bytes_that_the_key_does_not_expect_are_refused(
    changes: dict[str, Any], material: KeyMaterial, said: ImportTerms, shown: str
) -> None:
    with pytest.raises(IncorrectKeyMaterialException) as refused:
        with_import(imported(**changes), material, said)
    assert refused.value.message == f"Imported key material does not have the expected identifier{shown}."


# ---- what goes


def test_material_that_is_deleted_stays_known_and_halts_the_key() -> None:
    key = without_material(imported(materials=(replace(FIRST, expires_at=LATER), SECOND)), FIRST.material_id)
    assert key == imported(materials=(replace(FIRST, sealed_bytes=b""), SECOND), state=KeyState.PENDING_IMPORT)
    with pytest.raises(ValidationException) as refused:
        without_material(key, THIRD.material_id)
    assert refused.value.fields == (("keyMaterialId", "never imported"),)


def test_pending_material_that_is_deleted_is_forgotten_but_at_a_replica() -> None:
    waiting = imported().with_pending(SECOND)
    assert without_material(waiting, SECOND.material_id) == imported()
    replica = without_material(replace(waiting, multi_region=REPLICA), SECOND.material_id)
    assert replica == replace(waiting, multi_region=REPLICA, materials=(FIRST, replace(SECOND, sealed_bytes=b"")))


def test_material_goes_at_its_time_and_what_has_none_stays() -> None:
    key = imported(materials=(replace(FIRST, expires_at=NOW), replace(SECOND, expires_at=LATER), THIRD))
    left, expired = without_expired(key, NOW)
    assert expired == (FIRST.material_id,)
    assert [material.is_present for material in left.materials] == [False, True, True]
    assert left.state is KeyState.PENDING_IMPORT
    assert without_expired(left, NOW) == (left, ())
    assert without_expired(key, NOW - timedelta(seconds=1)) == (key, ())
