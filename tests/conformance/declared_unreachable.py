"""THE table of declared errors that nobody outside can provoke, each with its reason."""

from __future__ import annotations

EVERY_STATE = "the operation is allowed in every key state"
CURRENT_MATERIAL = "a key is unavailable where older material is still missing; this operation uses the current one, which is always there"
ANSWERED_FIRST = "the answer comes before the token is asked: what becomes of the attempt is the store's ConnectionErrorCode"

USES_CURRENT_MATERIAL = (
    "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
    "Sign", "Verify", "GetPublicKey", "GenerateMac", "VerifyMac", "DeriveSharedSecret", "Encapsulate", "Decapsulate",
)  # fmt: skip
ALLOWED_IN_EVERY_STATE = (
    "DeleteAlias", "PutKeyPolicy", "GetKeyPolicy", "ListKeyPolicies", "ListGrants", "RetireGrant", "RevokeGrant", "GetKeyRotationStatus",
    "ListKeyRotations",
)  # fmt: skip
UNREACHABLE: dict[tuple[str, str], str] = {
    **{(name, "KMSInvalidStateException"): EVERY_STATE for name in ALLOWED_IN_EVERY_STATE},
    **{(name, "KeyUnavailableException"): CURRENT_MATERIAL for name in USES_CURRENT_MATERIAL},
    **{("ConnectCustomKeyStore", f"CloudHsmCluster{fault}Exception"): ANSWERED_FIRST for fault in ("NotActive", "InvalidConfiguration")},
    ("CreateAlias", "InvalidAliasNameException"): "names of the service's own are refused with NotAuthorizedException, as AWS refuses them",
    ("CreateKey", "InvalidArnException"): "no field of the request is an ARN",
    ("EnableKey", "LimitExceededException"): "no quota counts enabled keys",
    ("TagResource", "LimitExceededException"): "the one quota, of tags per key, answers with TagException as in AWS",
    ("PutKeyPolicy", "UnsupportedOperationException"): "AWS means its own managed keys, and there are none here",
    ("ListRetirableGrants", "NotFoundException"): "a principal that has no grants gets an empty list; nothing else is named",
    ("GetPublicKey", "DisabledException"): "public keys of disabled keys are shown, as AWS shows them",
    (
        "GetPublicKey",
        "InvalidKeyUsageException",
    ): "keys of every usage show it; UnsupportedOperationException tells of those that have none",
}
