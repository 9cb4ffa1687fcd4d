"""What an operation can never do to a key, in the words that AWS answers."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.domain.made_keys import ARN, HOME, PRIMARY, REPLICA, key_of

from meridian.domain.applicability import require_applicable, require_plaintext_fits, require_type, require_usage
from meridian.domain.key import KeySpec, KeyUsage, MultiRegionRole, Origin
from meridian.errors import InvalidKeyUsageException, KmsError, KMSInvalidStateException, UnsupportedOperationException, ValidationException

RSA = {"key_spec": KeySpec.RSA_2048}
SIGNS = {"key_spec": KeySpec.ECC_NIST_P256, "key_usage": KeyUsage.SIGN_VERIFY}
HMAC = {"key_spec": KeySpec.HMAC_256, "key_usage": KeyUsage.GENERATE_VERIFY_MAC}
IMPORTED = {"origin": Origin.EXTERNAL}
IN_A_STORE = {"origin": Origin.EXTERNAL_KEY_STORE, "custom_key_store_id": "cks-1", "xks_key_id": "x"}


def refusal(operation: str, changes: dict[str, Any]) -> str:
    """What the operation answers for such a key, without its ARN; nothing where it may be tried."""
    try:
        require_applicable(operation, key_of(**changes))
    except KmsError as fault:
        return f"{fault.code}: {fault.message.replace(ARN, 'KEY')}" if fault.key_arn == ARN else "it names no key"
    return ""


@pytest.mark.parametrize(
    ("operation", "fits", "fits_not", "words"),
    [
        ("DeleteImportedKeyMaterial", IMPORTED, {}, "KEY origin is AWS_KMS which is not valid for this operation."),
        ("GetParametersForImport", IMPORTED, {}, "KEY origin is AWS_KMS which is not valid for this operation."),
        ("ImportKeyMaterial", IMPORTED, IN_A_STORE, "KEY origin is EXTERNAL_KEY_STORE which is not valid for this operation."),
        ("DescribeExternalKey", IN_A_STORE, {}, "KEY is in no external key store."),
        ("DisableKeyRotation", {}, IMPORTED, "KEY origin is EXTERNAL which is not valid for this operation."),
        (
            "DisableKeyRotation",
            {"multi_region": PRIMARY},
            {"multi_region": REPLICA},
            "KEY is a multi-region replica key which is not valid for DisableKeyRotation.",
        ),
        (
            "EnableKeyRotation",
            {"multi_region": PRIMARY},
            {"multi_region": REPLICA},
            "KEY is a multi-region replica key which is not valid for EnableKeyRotation.",
        ),
        (
            "RotateKeyOnDemand",
            IMPORTED,
            {"multi_region": REPLICA},
            "KEY is a multi-region replica key which is not valid for RotateKeyOnDemand.",
        ),
        ("RotateKeyOnDemand", {}, IN_A_STORE, "KEY origin is EXTERNAL_KEY_STORE which is not valid for this operation."),
        ("ListKeyRotations", IMPORTED, IN_A_STORE, "KEY origin is EXTERNAL_KEY_STORE which is not valid for this operation."),
        (
            "GetKeyRotationStatus",
            {},
            IN_A_STORE,
            "KEY is in a custom key store, which is not valid for GetKeyRotationStatus.",
        ),
        ("GetPublicKey", RSA, {}, ""),
        ("GetPublicKey", SIGNS, HMAC, ""),
        ("ReplicateKey", {"multi_region": PRIMARY}, {"multi_region": REPLICA}, "KEY is not a multi-region primary key."),
        ("ReplicateKey", {"multi_region": MultiRegionRole(HOME)}, {}, "KEY is not a multi-region primary key."),
        ("UpdatePrimaryRegion", {"multi_region": PRIMARY}, {}, "KEY is not a multi-Region key."),
    ],
)
def test_an_operation_is_tried_on_the_keys_it_fits_alone(
    operation: str, fits: dict[str, Any], fits_not: dict[str, Any], words: str
) -> None:
    assert refusal(operation, fits) == ""
    assert refusal(operation, fits_not) == f"UnsupportedOperationException: {words}"


def test_a_replica_that_is_to_hand_over_is_in_the_wrong_state() -> None:
    assert refusal("UpdatePrimaryRegion", {"multi_region": REPLICA}) == "KMSInvalidStateException: KEY is not a multi-Region primary key."
    with pytest.raises(KMSInvalidStateException):
        require_applicable("UpdatePrimaryRegion", key_of(multi_region=REPLICA))


def test_operations_without_a_rule_are_tried_on_every_key() -> None:
    for changes in ({}, RSA, IMPORTED, IN_A_STORE):
        require_applicable("DescribeKey", key_of(**changes))
        require_type("DescribeKey", key_of(**changes))


@pytest.mark.parametrize("operation", ["EnableKeyRotation", "RotateKeyOnDemand"])
def test_only_symmetric_keys_rotate(operation: str) -> None:
    require_type(operation, key_of())
    for changes in (RSA, HMAC, SIGNS):
        with pytest.raises(UnsupportedOperationException) as refused:
            require_type(operation, key_of(**changes))
        assert (refused.value.message, refused.value.key_arn) == ("", ARN)


@pytest.mark.parametrize(
    ("operation", "changes", "algorithm"),
    [
        ("Encrypt", {}, "SYMMETRIC_DEFAULT"),
        ("Decrypt", RSA, "RSAES_OAEP_SHA_256"),
        ("Sign", SIGNS, "ECDSA_SHA_256"),
        ("Verify", {**RSA, "key_usage": KeyUsage.SIGN_VERIFY}, "RSASSA_PSS_SHA_512"),
        ("GenerateMac", HMAC, "HMAC_SHA_256"),
        ("DeriveSharedSecret", {**SIGNS, "key_usage": KeyUsage.KEY_AGREEMENT}, "ECDH"),
        ("Encapsulate", {"key_spec": KeySpec.ML_KEM_768, "key_usage": KeyUsage.ENCAPSULATE_DECAPSULATE}, "ML_KEM"),
        ("GenerateDataKeyPair", {}, "SYMMETRIC_DEFAULT"),
        ("XksEncrypt", {}, "SYMMETRIC_DEFAULT"),
    ],
)
def test_a_key_does_what_its_usage_and_spec_say(operation: str, changes: dict[str, Any], algorithm: str) -> None:
    require_usage(operation, key_of(**changes), algorithm)


@pytest.mark.parametrize(
    ("operation", "changes", "algorithm", "words"),
    [
        ("Encrypt", SIGNS, "SYMMETRIC_DEFAULT", f"{ARN} key usage is SIGN_VERIFY which is not valid for Encrypt."),
        ("Sign", {}, "ECDSA_SHA_256", f"{ARN} key usage is ENCRYPT_DECRYPT which is not valid for Sign."),
        ("Encrypt", {}, "RSAES_OAEP_SHA_1", "Algorithm RSAES_OAEP_SHA_1 is incompatible with key spec SYMMETRIC_DEFAULT."),
        ("GenerateDataKey", RSA, "SYMMETRIC_DEFAULT", "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048."),
    ],
)
def test_a_key_of_another_usage_or_spec_is_refused(operation: str, changes: dict[str, Any], algorithm: str, words: str) -> None:
    with pytest.raises(InvalidKeyUsageException) as refused:
        require_usage(operation, key_of(**changes), algorithm)
    assert (refused.value.message, refused.value.key_arn) == (words, ARN)


@pytest.mark.parametrize("operation", ["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"])
def test_a_key_of_a_store_makes_no_key_pairs(operation: str) -> None:
    with pytest.raises(UnsupportedOperationException) as refused:
        require_usage(operation, key_of(**IN_A_STORE), "SYMMETRIC_DEFAULT")
    assert refused.value.message == f"{ARN} is in a custom key store, which is not valid for {operation}."
    assert refused.value.key_arn == ARN
    require_usage("GenerateDataKey", key_of(**IN_A_STORE), "SYMMETRIC_DEFAULT")


@pytest.mark.parametrize(
    ("spec", "algorithm", "most"),
    [
        (KeySpec.SYMMETRIC_DEFAULT, "SYMMETRIC_DEFAULT", 4096),
        (KeySpec.RSA_2048, "RSAES_OAEP_SHA_1", 214),
        (KeySpec.RSA_2048, "RSAES_OAEP_SHA_256", 190),
        (KeySpec.RSA_3072, "RSAES_OAEP_SHA_1", 342),
        (KeySpec.RSA_3072, "RSAES_OAEP_SHA_256", 318),
        (KeySpec.RSA_4096, "RSAES_OAEP_SHA_1", 470),
        (KeySpec.RSA_4096, "RSAES_OAEP_SHA_256", 446),
    ],
)
def test_a_plaintext_is_as_long_as_the_key_takes_and_no_longer(spec: KeySpec, algorithm: str, most: int) -> None:
    """Source: AWS KMS API Reference, Encrypt, Plaintext."""
    key = key_of(key_spec=spec)
    require_plaintext_fits(key, algorithm, b"x" * most)
    with pytest.raises(ValidationException) as refused:
        require_plaintext_fits(key, algorithm, b"x" * (most + 1))
    assert refused.value.message == f"Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {most} bytes."
    assert refused.value.fields == (("plaintext", f"longer than {most} bytes"),)
