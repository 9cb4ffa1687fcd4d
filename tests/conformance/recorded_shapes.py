"""THE table of answers: operation → what its body holds, member by member, on a good request.

A member is there with its kind or its value, or it is not there: nothing is optional. `NOTHING` is an empty body.

Source: AWS KMS API Reference, response syntax of each operation; answers recorded from the service.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from meridian.transport.aws_json.key_policies import default_document

ACCOUNT, PARTITION = "111122223333", "aws"
Kind = Callable[[Any], bool]


def text(pattern: str) -> Kind:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def time(value: Any) -> bool:
    """Seconds since 1970, with three decimals at most."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 1_700_000_000 and round(value, 3) == value


def blob(value: Any) -> bool:
    return isinstance(value, str) and len(base64.b64decode(value, validate=True)) > 0


UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
KEY_ID, MRK_ID = text(UUID), text(r"mrk-[0-9a-f]{32}")
MATERIAL = text(r"[0-9a-f]{64}")
GRANT_ID = MATERIAL
STORE_ID = text(r"cks-[0-9a-f]{17}")


def arn(region: str = "us-east-1", key: str = UUID) -> Kind:
    return text(rf"arn:aws:kms:{region}:{ACCOUNT}:key/{key}")


ARN, MRK = arn(), r"mrk-[0-9a-f]{32}"
ANY = f"{UUID}|{MRK}"
NOTHING = None

PLAIN = {
    "AWSAccountId": ACCOUNT,
    "KeyId": KEY_ID,
    "Arn": ARN,
    "CreationDate": time,
    "Enabled": True,
    "Description": "",
    "KeyUsage": "ENCRYPT_DECRYPT",
    "KeyState": "Enabled",
    "Origin": "AWS_KMS",
    "KeyManager": "CUSTOMER",
    "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
    "KeySpec": "SYMMETRIC_DEFAULT",
    "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
    "MultiRegion": False,
}
METADATA = {**PLAIN, "CurrentKeyMaterialId": MATERIAL}


def related(region: str, key_type: str, *replicas: str) -> dict[str, Any]:
    def member(name: str) -> dict[str, Any]:
        return {"Arn": arn(name, MRK), "Region": name}

    return {
        "KeyId": MRK_ID,
        "Arn": arn(region, MRK),
        "MultiRegion": True,
        "MultiRegionConfiguration": {
            "MultiRegionKeyType": key_type,
            "PrimaryKey": member("us-east-1"),
            "ReplicaKeys": [member(name) for name in replicas],
        },
    }


METADATA_OF: dict[str, dict[str, Any]] = {
    "symmetric": METADATA,
    "primary": {**METADATA, **related("us-east-1", "PRIMARY")},
    "imported": {**PLAIN, "Origin": "EXTERNAL", "Enabled": False, "KeyState": "PendingImport"},
    "ending": {**METADATA, "Enabled": False, "KeyState": "PendingDeletion", "DeletionDate": time},
    "disabled": {**METADATA, "Enabled": False, "KeyState": "Disabled"},
}


def _asymmetric(spec: str, usage: str, algorithms: str, *names: str) -> dict[str, Any]:
    rest = {name: value for name, value in PLAIN.items() if name != "EncryptionAlgorithms"}
    return {**rest, "KeySpec": spec, "CustomerMasterKeySpec": spec, "KeyUsage": usage, algorithms: list(names)}


METADATA_OF |= {
    "sign": _asymmetric("ECC_NIST_P256", "SIGN_VERIFY", "SigningAlgorithms", "ECDSA_SHA_256"),
    "encrypts": _asymmetric("RSA_2048", "ENCRYPT_DECRYPT", "EncryptionAlgorithms", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"),
    "agree": _asymmetric("ECC_NIST_P256", "KEY_AGREEMENT", "KeyAgreementAlgorithms", "ECDH"),
    "mac": _asymmetric("HMAC_256", "GENERATE_VERIFY_MAC", "MacAlgorithms", "HMAC_SHA_256"),
    "kem": _asymmetric("ML_KEM_768", "ENCAPSULATE_DECAPSULATE", "EncapsulationAlgorithms", "ML_KEM"),
}
del METADATA_OF["kem"]["CustomerMasterKeySpec"]  # the older list of specs does not know it
"""DescribeKey of each kind of key."""

IMPORTED = {"KeyId": ARN, "KeyMaterialId": MATERIAL}
PAIR = {"PrivateKeyCiphertextBlob": blob, "PublicKey": blob, "KeyId": ARN, "KeyPairSpec": "ECC_NIST_P256", "KeyMaterialId": MATERIAL}
ALIAS = {
    "AliasName": text(r"alias/declared/[0-9a-f]{12}"),
    "AliasArn": text(rf"arn:aws:kms:us-east-1:{ACCOUNT}:alias/declared/[0-9a-f]{{12}}"),
    "TargetKeyId": KEY_ID,
    "CreationDate": time,
    "LastUpdatedDate": time,
}
GRANT = {
    "KeyId": ARN,
    "GrantId": GRANT_ID,
    "Name": "",
    "CreationDate": time,
    "GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:service/tenant-a",
    "IssuingAccount": f"arn:aws:iam::{ACCOUNT}:root",
    "Operations": ["DescribeKey"],
}
STORE = {
    "CustomKeyStoreId": STORE_ID,
    "CustomKeyStoreName": text(r"[0-9a-f]{12}"),
    "ConnectionState": "DISCONNECTED",
    "CreationDate": time,
    "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
    "XksProxyConfiguration": {
        "Connectivity": "PUBLIC_ENDPOINT",
        "AccessKeyId": "ABCDEFGHIJKLMNOPQRST",
        "UriEndpoint": "https://xks.example.com",
        "UriPath": text(r"/[0-9a-f]{12}/kms/xks/v1"),
    },
}
USE = {"Operation": "Encrypt", "Timestamp": time, "CloudTrailEventId": text(UUID), "KmsRequestId": text(UUID)}

ANSWERS: dict[str, dict[str, Any] | None] = {
    "CreateKey": {"KeyMetadata": METADATA},
    "DescribeKey": {"KeyMetadata": METADATA},
    "ListKeys": {
        "Keys": [{"KeyId": text(ANY), "KeyArn": arn(key=f"({ANY})")}],
        "Truncated": True,
        "NextMarker": text(".+"),
    },
    "ScheduleKeyDeletion": {"KeyId": ARN, "DeletionDate": time, "KeyState": "PendingDeletion", "PendingWindowInDays": 30},
    "CancelKeyDeletion": {"KeyId": ARN},
    "GetKeyLastUsage": {"KeyId": ARN, "KeyLastUsage": USE, "TrackingStartDate": time, "KeyCreationDate": time},
    "ListAliases": {"Aliases": [ALIAS], "Truncated": False},
    "GetKeyPolicy": {"Policy": default_document(PARTITION, ACCOUNT), "PolicyName": "default"},
    "ListKeyPolicies": {"PolicyNames": ["default"], "Truncated": False},
    "CreateGrant": {"GrantToken": text(r"\S{100,}"), "GrantId": GRANT_ID},
    "ListGrants": {"Grants": [GRANT], "Truncated": False},
    "ListRetirableGrants": {"Grants": [], "Truncated": False},
    "ListResourceTags": {"Tags": [{"TagKey": "k", "TagValue": "v"}], "Truncated": False},
    "GetKeyRotationStatus": {"KeyRotationEnabled": False, "KeyId": ARN},
    "RotateKeyOnDemand": {"KeyId": ARN},
    "ListKeyRotations": {"Rotations": [], "Truncated": False},
    "GetParametersForImport": {"KeyId": ARN, "ImportToken": blob, "PublicKey": blob, "ParametersValidTo": time},
    "ImportKeyMaterial": IMPORTED,
    "DeleteImportedKeyMaterial": IMPORTED,
    "ReplicateKey": {
        "ReplicaKeyMetadata": {**PLAIN, **related("eu-west-1", "REPLICA", "eu-west-1"), "Enabled": False, "KeyState": "Creating"},
        "ReplicaPolicy": default_document(PARTITION, ACCOUNT),
        "ReplicaTags": [],
    },
    "CreateCustomKeyStore": {"CustomKeyStoreId": STORE_ID},
    "DescribeCustomKeyStores": {"CustomKeyStores": [STORE], "Truncated": False},
    "Encrypt": {"CiphertextBlob": blob, "KeyId": ARN, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"},
    "Decrypt": {"KeyId": ARN, "Plaintext": "eA==", "EncryptionAlgorithm": "SYMMETRIC_DEFAULT", "KeyMaterialId": MATERIAL},
    "ReEncrypt": {
        "CiphertextBlob": blob,
        "SourceKeyId": ARN,
        "KeyId": ARN,
        "SourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "DestinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "SourceKeyMaterialId": MATERIAL,
        "DestinationKeyMaterialId": MATERIAL,
    },
    "GenerateDataKey": {"CiphertextBlob": blob, "Plaintext": blob, "KeyId": ARN, "KeyMaterialId": MATERIAL},
    "GenerateDataKeyWithoutPlaintext": {"CiphertextBlob": blob, "KeyId": ARN, "KeyMaterialId": MATERIAL},
    "GenerateDataKeyPair": {**PAIR, "PrivateKeyPlaintext": blob},
    "GenerateDataKeyPairWithoutPlaintext": PAIR,
    "GenerateRandom": {"Plaintext": blob},
    "Sign": {"KeyId": ARN, "Signature": blob, "SigningAlgorithm": "ECDSA_SHA_256"},
    "Verify": {"KeyId": ARN, "SignatureValid": True, "SigningAlgorithm": "ECDSA_SHA_256"},
    "GetPublicKey": {
        "KeyId": ARN,
        "PublicKey": blob,
        "CustomerMasterKeySpec": "ECC_NIST_P256",
        "KeySpec": "ECC_NIST_P256",
        "KeyUsage": "SIGN_VERIFY",
        "SigningAlgorithms": ["ECDSA_SHA_256"],
    },
    "GenerateMac": {"Mac": blob, "MacAlgorithm": "HMAC_SHA_256", "KeyId": ARN},
    "VerifyMac": {"KeyId": ARN, "MacValid": True, "MacAlgorithm": "HMAC_SHA_256"},
    "DeriveSharedSecret": {"KeyId": ARN, "SharedSecret": blob, "KeyAgreementAlgorithm": "ECDH", "KeyOrigin": "AWS_KMS"},
    "Encapsulate": {
        "KeyId": ARN,
        "SharedSecret": blob,
        "SharedSecretCiphertextBlob": blob,
        "EncapsulationAlgorithm": "ML_KEM",
    },
    "Decapsulate": {"KeyId": ARN, "SharedSecret": blob, "EncapsulationAlgorithm": "ML_KEM"},
    "UpdatePrimaryRegion": NOTHING,
    **dict.fromkeys(
        ("EnableKey", "DisableKey", "UpdateKeyDescription", "CreateAlias", "UpdateAlias", "DeleteAlias", "PutKeyPolicy"), NOTHING
    ),
    **dict.fromkeys(("RetireGrant", "RevokeGrant", "TagResource", "UntagResource", "EnableKeyRotation", "DisableKeyRotation"), NOTHING),
    **dict.fromkeys(("UpdateCustomKeyStore", "DeleteCustomKeyStore", "ConnectCustomKeyStore", "DisconnectCustomKeyStore"), NOTHING),
}


ABSENT: dict[tuple[str, str], str] = {
    **{(shape, "NextMarker"): "the page is the last" for shape in (
        "DescribeCustomKeyStoresResponse", "ListAliasesResponse", "ListGrantsResponse", "ListKeyPoliciesResponse",
        "ListKeyRotationsResponse", "ListResourceTagsResponse",
    )},
    **{(f"{name}Response", "CiphertextForRecipient"): "nobody is attested" for name in (
        "Decrypt", "DeriveSharedSecret", "GenerateDataKeyPair", "GenerateDataKey", "GenerateRandom",
    )},
    **{("GetKeyRotationStatusResponse", name): "shown while a schedule, or a rotation on demand, is there" for name in (
        "NextRotationDate", "RotationPeriodInDays", "OnDemandRotationStartDate",
    )},
    **{("GetPublicKeyResponse", name): "one list of algorithms, by the usage of the key" for name in (
        "EncapsulationAlgorithms", "EncryptionAlgorithms", "KeyAgreementAlgorithms",
    )},
    **{("KeyMetadata", name): "one list of algorithms, by the usage of the key" for name in (
        "EncapsulationAlgorithms", "KeyAgreementAlgorithms", "MacAlgorithms", "SigningAlgorithms",
    )},
    **{("KeyMetadata", name): "of keys in a store" for name in ("CloudHsmClusterId", "CustomKeyStoreId", "XksKeyConfiguration")},
    **{("KeyMetadata", name): "of keys at their end" for name in ("DeletionDate", "PendingDeletionWindowInDays")},
    **{("KeyMetadata", name): "of keys with imported material" for name in ("ExpirationModel", "ValidTo")},
    ("KeyMetadata", "MultiRegionConfiguration"): "of related keys",
    ("KeyMetadata", "CurrentKeyMaterialId"): "of symmetric encryption keys that have material",
    **{("CustomKeyStoresListEntry", name): "of stores in AWS CloudHSM" for name in ("CloudHsmClusterId", "TrustAnchorCertificate")},
    ("CustomKeyStoresListEntry", "ConnectionErrorCode"): "of a store that failed to connect",
    **{("XksProxyConfigurationType", name): "of proxies behind an endpoint service" for name in (
        "VpcEndpointServiceName", "VpcEndpointServiceOwner",
    )},
    **{("GrantListEntry", name): "what was not given" for name in ("Constraints", "RetiringPrincipal")},
    **{("GrantListEntry", name): "of grants to AWS's services" for name in ("GranteeServicePrincipal", "RetiringServicePrincipal")},
}  # fmt: skip
"""THE table of members of AWS's model that an answer above leaves out, each with the rule."""


def difference(shape: Any, value: Any, place: str = "") -> list[str]:
    """Where a body is another than its shape, a line each."""
    if callable(shape):
        return [] if shape(value) else [f"{place} is {value!r}"]
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{place} is {value!r}"]
        lines = [f"{place}.{name} is missing" for name in shape if name not in value]
        lines += [f"{place}.{name} is not known" for name in value if name not in shape]
        return lines + [line for name in shape if name in value for line in difference(shape[name], value[name], f"{place}.{name}")]
    if isinstance(shape, list):
        if not isinstance(value, list) or len(value) != len(shape):
            return [f"{place} is {value!r}"]
        return [line for at, (one, other) in enumerate(zip(shape, value, strict=True)) for line in difference(one, other, f"{place}[{at}]")]
    return [] if type(value) is type(shape) and value == shape else [f"{place} is {value!r}, not {shape!r}"]
