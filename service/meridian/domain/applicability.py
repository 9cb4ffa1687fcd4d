"""THE table: what an operation can never do to a key, whatever its state.

Management operations ask for origin and role before the state and for the type of the key after it, cryptographic ones ask after the state;
the pipeline's admit step knows the order.

Source: AWS KMS Developer Guide, Multi-Region keys; recorded answers for the messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from meridian.domain.algorithms import algorithms, has_public_key, is_symmetric_encryption, plaintext_bytes_max
from meridian.domain.key import Key, KeyUsage, MultiRegionKeyType, Origin
from meridian.errors import InvalidKeyUsageException, KmsError, KMSInvalidStateException, UnsupportedOperationException, ValidationException

Rule = Callable[[Key], KmsError | None]


def _is_primary(key: Key) -> KmsError | None:
    if key.multi_region_key_type is MultiRegionKeyType.PRIMARY:
        return None
    return UnsupportedOperationException(f"{key.arn} is not a multi-region primary key.", key_arn=key.arn)


def _is_symmetric(key: Key) -> KmsError | None:
    return None if is_symmetric_encryption(key.key_spec) else UnsupportedOperationException("", key_arn=key.arn)


def _has_public_key(key: Key) -> KmsError | None:
    return None if has_public_key(key.key_spec) else UnsupportedOperationException("", key_arn=key.arn)


def _origin(*allowed: Origin) -> Rule:
    def rule(key: Key) -> KmsError | None:
        if key.origin in allowed:
            return None
        return UnsupportedOperationException(f"{key.arn} origin is {key.origin} which is not valid for this operation.", key_arn=key.arn)

    return rule


def _not_a_replica(operation: str) -> Rule:
    def rule(key: Key) -> KmsError | None:
        if key.multi_region_key_type is not MultiRegionKeyType.REPLICA:
            return None
        return UnsupportedOperationException(
            f"{key.arn} is a multi-region replica key which is not valid for {operation}.", key_arn=key.arn
        )

    return rule


def _may_move(key: Key) -> KmsError | None:
    if key.multi_region is None:
        return UnsupportedOperationException(f"{key.arn} is not a multi-Region key.", key_arn=key.arn)
    if key.multi_region_key_type is MultiRegionKeyType.REPLICA:
        return KMSInvalidStateException(f"{key.arn} is not a multi-Region primary key.", key_arn=key.arn)
    return None


def _not_in_a_store(operation: str) -> Rule:
    def rule(key: Key) -> KmsError | None:
        if not key.custom_key_store_id:
            return None
        return UnsupportedOperationException(f"{key.arn} is in a custom key store, which is not valid for {operation}.", key_arn=key.arn)

    return rule


def _in_an_external_store(key: Key) -> KmsError | None:
    if key.origin is Origin.EXTERNAL_KEY_STORE:
        return None
    return UnsupportedOperationException(f"{key.arn} is in no external key store.", key_arn=key.arn)


_IMPORTED: Final = _origin(Origin.EXTERNAL)

MANAGEMENT: Final[dict[str, tuple[Rule, ...]]] = {
    "DeleteImportedKeyMaterial": (_IMPORTED,),
    "DescribeExternalKey": (_in_an_external_store,),
    "DisableKeyRotation": (_origin(Origin.AWS_KMS), _not_a_replica("DisableKeyRotation")),
    "EnableKeyRotation": (_origin(Origin.AWS_KMS), _not_a_replica("EnableKeyRotation")),
    "GetKeyRotationStatus": (_not_in_a_store("GetKeyRotationStatus"),),
    "GetParametersForImport": (_IMPORTED,),
    "ImportKeyMaterial": (_IMPORTED,),
    "GetPublicKey": (_has_public_key,),
    "ListKeyRotations": (_origin(Origin.AWS_KMS, Origin.EXTERNAL),),
    "ReplicateKey": (_is_primary,),
    "RotateKeyOnDemand": (_origin(Origin.AWS_KMS, Origin.EXTERNAL), _not_a_replica("RotateKeyOnDemand")),
    "UpdatePrimaryRegion": (_may_move,),
}
"""Rules of management operations, in the order they are asked, before the state."""

OF_TYPE: Final[dict[str, Rule]] = {"EnableKeyRotation": _is_symmetric, "RotateKeyOnDemand": _is_symmetric}
"""What a management operation asks of the type of a key, after the state: recorded of a disabled RSA key."""

NOT_IN_STORES: Final = {
    operation: _not_in_a_store(operation) for operation in ("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext")
}
"""What a cryptographic operation asks of where the key is, after the state."""

CRYPTOGRAPHIC: Final[dict[str, tuple[KeyUsage, str]]] = {
    "Encrypt": (KeyUsage.ENCRYPT_DECRYPT, "encryption_algorithm"),
    "Decrypt": (KeyUsage.ENCRYPT_DECRYPT, "encryption_algorithm"),
    "ReEncrypt": (KeyUsage.ENCRYPT_DECRYPT, ""),
    "GenerateDataKey": (KeyUsage.ENCRYPT_DECRYPT, ""),
    "GenerateDataKeyWithoutPlaintext": (KeyUsage.ENCRYPT_DECRYPT, ""),
    "GenerateDataKeyPair": (KeyUsage.ENCRYPT_DECRYPT, ""),
    "GenerateDataKeyPairWithoutPlaintext": (KeyUsage.ENCRYPT_DECRYPT, ""),
    "Sign": (KeyUsage.SIGN_VERIFY, "signing_algorithm"),
    "Verify": (KeyUsage.SIGN_VERIFY, "signing_algorithm"),
    "GenerateMac": (KeyUsage.GENERATE_VERIFY_MAC, "mac_algorithm"),
    "VerifyMac": (KeyUsage.GENERATE_VERIFY_MAC, "mac_algorithm"),
    "DeriveSharedSecret": (KeyUsage.KEY_AGREEMENT, "key_agreement_algorithm"),
    "Encapsulate": (KeyUsage.ENCAPSULATE_DECAPSULATE, "encapsulation_algorithm"),
    "Decapsulate": (KeyUsage.ENCAPSULATE_DECAPSULATE, "encapsulation_algorithm"),
    "XksEncrypt": (KeyUsage.ENCRYPT_DECRYPT, ""),
    "XksDecrypt": (KeyUsage.ENCRYPT_DECRYPT, ""),
}
"""Usage that a cryptographic operation needs, and the request field that names its algorithm."""


def require_applicable(operation: str, key: Key) -> None:
    """Refuse a management operation that can never work on this key. Raises: UnsupportedOperationException,
    KMSInvalidStateException.
    """
    for rule in MANAGEMENT.get(operation, ()):
        fault = rule(key)
        if fault is not None:
            raise fault


def require_type(operation: str, key: Key) -> None:
    """Refuse a management operation that no key of this type can take. Raises: UnsupportedOperationException."""
    fault = OF_TYPE[operation](key) if operation in OF_TYPE else None
    if fault is not None:
        raise fault


def require_usage(operation: str, key: Key, algorithm: str) -> None:
    """Refuse a cryptographic operation that the key's usage, or the algorithm, does not fit.

    Operations that take no algorithm mean that of symmetric keys. Raises: InvalidKeyUsageException, UnsupportedOperationException.
    """
    usage, _ = CRYPTOGRAPHIC[operation]
    fault = NOT_IN_STORES[operation](key) if operation in NOT_IN_STORES else None
    if fault is not None:
        raise fault
    if key.key_usage is not usage:
        raise InvalidKeyUsageException(f"{key.arn} key usage is {key.key_usage} which is not valid for {operation}.", key_arn=key.arn)
    if algorithm not in algorithms(key.key_spec, usage):
        raise InvalidKeyUsageException(f"Algorithm {algorithm} is incompatible with key spec {key.key_spec}.", key_arn=key.arn)


def require_plaintext_fits(key: Key, algorithm: str, plaintext: bytes) -> None:
    """Raises: ValidationException if the plaintext is longer than what this key encrypts."""
    limit = plaintext_bytes_max(key.key_spec, algorithm)
    if len(plaintext) > limit:
        raise ValidationException(
            f"Algorithm {algorithm} and key spec {key.key_spec} cannot encrypt data larger than {limit} bytes.",
            fields=[("plaintext", f"longer than {limit} bytes")],
        )
