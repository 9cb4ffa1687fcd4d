"""THE table of declared errors that nobody outside can provoke, each with its reason."""

from __future__ import annotations

EVERY_STATE = "the operation is allowed in every key state"
CURRENT_MATERIAL = "a key is unavailable where older material is still missing; this operation uses the current one, which is always there"
NO_CLUSTER = "of hardware tokens, which these Regions have none of: scenario/test_key_stores_in_tokens.py raises what can be raised"

USES_CURRENT_MATERIAL = (
    "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
    "Sign", "Verify", "GetPublicKey", "GenerateMac", "VerifyMac", "DeriveSharedSecret", "Encapsulate", "Decapsulate",
)  # fmt: skip
ALLOWED_IN_EVERY_STATE = (
    "DeleteAlias", "PutKeyPolicy", "GetKeyPolicy", "ListKeyPolicies", "ListGrants", "RetireGrant", "RevokeGrant", "GetKeyRotationStatus",
    "ListKeyRotations",
)  # fmt: skip
CLUSTER_ERRORS = {
    "CreateKey": ("InvalidConfiguration",),
    "CreateCustomKeyStore": ("InUse", "NotFound", "NotActive", "InvalidConfiguration"),
    "UpdateCustomKeyStore": ("NotFound", "NotRelated", "NotActive", "InvalidConfiguration"),
    "ConnectCustomKeyStore": ("NotActive", "InvalidConfiguration"),
}

UNREACHABLE: dict[tuple[str, str], str] = {
    **{(name, "KMSInvalidStateException"): EVERY_STATE for name in ALLOWED_IN_EVERY_STATE},
    **{(name, "KeyUnavailableException"): CURRENT_MATERIAL for name in USES_CURRENT_MATERIAL},
    **{(name, f"CloudHsmCluster{fault}Exception"): NO_CLUSTER for name, faults in CLUSTER_ERRORS.items() for fault in faults},
    ("CreateCustomKeyStore", "IncorrectTrustAnchorException"): NO_CLUSTER,
    ("GenerateRandom", "CustomKeyStoreInvalidStateException"): NO_CLUSTER,
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
