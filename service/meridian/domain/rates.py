"""THE table: rate classes, and which operation draws on which.

One bucket per account and class; a burst is one second's worth, at least ten calls. Calls per second are AWS's defaults.

Source: AWS KMS Developer Guide, Request quotas.
"""

from __future__ import annotations

from typing import Final

RATES: Final[dict[str, float]] = {
    "symmetric": 10_000,
    "rsa": 1_000,
    "ecc": 1_000,
    "data_key_pairs": 20,
    "describe": 2_000,
    "policy_read": 1_000,
    "list_keys": 500,
    "list": 100,
    "put_key_policy": 15,
    "create_key": 5,
    "enable_key": 5,
    "disable_key": 5,
    "update_key_description": 5,
    "replicate_key": 5,
    "rotation_settings": 15,
    "schedule_key_deletion": 15,
    "cancel_key_deletion": 5,
    "disable_key_rotation": 5,
    "rotate_key_on_demand": 5,
    "update_primary_region": 5,
    "import_parameters": 1,
    "import_material": 15,
    "other": 5,
}

CLASS_OF: Final[dict[str, str]] = {
    "Encrypt": "symmetric",
    "Decrypt": "symmetric",
    "ReEncrypt": "symmetric",
    "GenerateDataKey": "symmetric",
    "GenerateDataKeyWithoutPlaintext": "symmetric",
    "GenerateRandom": "symmetric",
    "GenerateMac": "symmetric",
    "VerifyMac": "symmetric",
    "Sign": "rsa",
    "Verify": "rsa",
    "DeriveSharedSecret": "ecc",
    "Encapsulate": "ecc",
    "Decapsulate": "ecc",
    "GenerateDataKeyPair": "data_key_pairs",
    "GenerateDataKeyPairWithoutPlaintext": "data_key_pairs",
    "GetPublicKey": "describe",
    "DescribeKey": "describe",
    "GetKeyPolicy": "policy_read",
    "ListKeys": "list_keys",
    "ListKeyPolicies": "list",
    "PutKeyPolicy": "put_key_policy",
    "CreateKey": "create_key",
    "EnableKey": "enable_key",
    "DisableKey": "disable_key",
    "UpdateKeyDescription": "update_key_description",
    "ReplicateKey": "replicate_key",
    "ScheduleKeyDeletion": "schedule_key_deletion",
    "CancelKeyDeletion": "cancel_key_deletion",
    "EnableKeyRotation": "rotation_settings",
    "DisableKeyRotation": "disable_key_rotation",
    "GetKeyRotationStatus": "policy_read",
    "ListKeyRotations": "list",
    "RotateKeyOnDemand": "rotate_key_on_demand",
    "GetParametersForImport": "import_parameters",
    "ImportKeyMaterial": "import_material",
    "DeleteImportedKeyMaterial": "import_material",
    "UpdatePrimaryRegion": "update_primary_region",
}

BURST_MIN: Final = 10.0
