"""THE tables: rate classes, and which request draws on which.

One bucket per account and class; a burst is one second's worth, at least ten calls. Calls per second are AWS's defaults. Classes of
cryptographic calls go by the kind of key. The rate is asked before any key is looked up, so the kind is read from what the request
says: its algorithm or the spec of its key pair. A request that says another kind than its key has is counted as it says, and refused.

Source: AWS KMS Developer Guide, Request quotas.
"""

from __future__ import annotations

from typing import Final

from meridian.contract.operation import Operation

RATES: Final[dict[str, float]] = {
    "symmetric": 10_000,
    "rsa": 1_000,
    "ecc": 1_000,
    "post_quantum": 1_000,
    "data_key_pair_rsa_2048": 20,
    "data_key_pair_rsa_3072": 4,
    "data_key_pair_rsa_4096": 1,
    "data_key_pair_ecc_nist_p256": 100,
    "data_key_pair_ecc_nist_p384": 100,
    "data_key_pair_ecc_nist_p521": 100,
    "data_key_pair_ecc_secg_p256k1": 100,
    "data_key_pair_ecc_nist_edwards25519": 100,
    "data_key_pair_ml_kem_768": 100,
    "data_key_pair_ml_kem_1024": 100,
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
    "aliases": 5,
    "delete_alias": 15,
    "tags": 10,
    "untag": 5,
    "list_tags": 2_000,
    "grants": 50,
    "key_stores": 5,
    "last_usage": 5,
    "decisions": 2,
    "xks": 1_800,
    "try_policies": 1,
    "identity": 600,
    "other": 5,
}

CLASS_OF: Final[dict[Operation, str]] = {
    Operation.ENCRYPT: "symmetric",
    Operation.DECRYPT: "symmetric",
    Operation.RE_ENCRYPT: "symmetric",
    Operation.GENERATE_DATA_KEY: "symmetric",
    Operation.GENERATE_DATA_KEY_WITHOUT_PLAINTEXT: "symmetric",
    Operation.GENERATE_RANDOM: "symmetric",
    Operation.GENERATE_MAC: "symmetric",
    Operation.VERIFY_MAC: "symmetric",
    Operation.SIGN: "other",
    Operation.VERIFY: "other",
    Operation.DERIVE_SHARED_SECRET: "ecc",
    Operation.ENCAPSULATE: "post_quantum",
    Operation.DECAPSULATE: "post_quantum",
    Operation.GENERATE_DATA_KEY_PAIR: "other",
    Operation.GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT: "other",
    Operation.GET_PUBLIC_KEY: "describe",
    Operation.DESCRIBE_KEY: "describe",
    Operation.GET_KEY_POLICY: "policy_read",
    Operation.LIST_KEYS: "list_keys",
    Operation.LIST_KEY_POLICIES: "list",
    Operation.PUT_KEY_POLICY: "put_key_policy",
    Operation.CREATE_KEY: "create_key",
    Operation.ENABLE_KEY: "enable_key",
    Operation.DISABLE_KEY: "disable_key",
    Operation.UPDATE_KEY_DESCRIPTION: "update_key_description",
    Operation.REPLICATE_KEY: "replicate_key",
    Operation.SCHEDULE_KEY_DELETION: "schedule_key_deletion",
    Operation.CANCEL_KEY_DELETION: "cancel_key_deletion",
    Operation.ENABLE_KEY_ROTATION: "rotation_settings",
    Operation.DISABLE_KEY_ROTATION: "disable_key_rotation",
    Operation.GET_KEY_ROTATION_STATUS: "policy_read",
    Operation.LIST_KEY_ROTATIONS: "list",
    Operation.ROTATE_KEY_ON_DEMAND: "rotate_key_on_demand",
    Operation.GET_PARAMETERS_FOR_IMPORT: "import_parameters",
    Operation.IMPORT_KEY_MATERIAL: "import_material",
    Operation.DELETE_IMPORTED_KEY_MATERIAL: "import_material",
    Operation.UPDATE_PRIMARY_REGION: "update_primary_region",
    Operation.CREATE_ALIAS: "aliases",
    Operation.UPDATE_ALIAS: "aliases",
    Operation.DELETE_ALIAS: "delete_alias",
    Operation.LIST_ALIASES: "list_keys",
    Operation.TAG_RESOURCE: "tags",
    Operation.UNTAG_RESOURCE: "untag",
    Operation.LIST_RESOURCE_TAGS: "list_tags",
    Operation.CREATE_GRANT: "grants",
    Operation.RETIRE_GRANT: "grants",
    Operation.REVOKE_GRANT: "grants",
    Operation.LIST_GRANTS: "list",
    Operation.LIST_RETIRABLE_GRANTS: "list",
    Operation.XKS_GET_HEALTH_STATUS: "xks",
    Operation.XKS_GET_KEY_METADATA: "xks",
    Operation.XKS_ENCRYPT: "xks",
    Operation.XKS_DECRYPT: "xks",
    Operation.GET_KEY_LAST_USAGE: "last_usage",
    Operation.CREATE_CUSTOM_KEY_STORE: "key_stores",
    Operation.DESCRIBE_CUSTOM_KEY_STORES: "key_stores",
    Operation.UPDATE_CUSTOM_KEY_STORE: "key_stores",
    Operation.CONNECT_CUSTOM_KEY_STORE: "key_stores",
    Operation.DISCONNECT_CUSTOM_KEY_STORE: "key_stores",
    Operation.DELETE_CUSTOM_KEY_STORE: "key_stores",
    Operation.DESCRIBE_POLICY_SET: "policy_read",
    Operation.DESCRIBE_REGIONS: "policy_read",
    Operation.DESCRIBE_AUDIT: "list",
    Operation.LIST_DECISIONS: "decisions",
    Operation.EXPLAIN_DECISION: "decisions",
    Operation.CHECK_ACCESS: "policy_read",
    Operation.TRY_POLICIES: "try_policies",
    Operation.DESCRIBE_EXTERNAL_KEY: "describe",
    Operation.WHO_AM_I: "identity",
    Operation.ASSUME_ROLE_WITH_WEB_IDENTITY: "identity",
    Operation.GET_CALLER_IDENTITY: "identity",
    Operation.ENCRYPT_BATCH: "symmetric",
    Operation.DECRYPT_BATCH: "symmetric",
    Operation.GENERATE_DATA_KEY_BATCH: "symmetric",
    Operation.RE_ENCRYPT_BATCH: "symmetric",
}

"""Class of an operation, where its request says nothing of the kind of key; where it must and does not, it is refused all the same. A
batch draws on its class where it is refused as a whole; otherwise each of its items does, as a call."""

SAID_BY: Final[dict[Operation, tuple[str, ...]]] = {
    Operation.ENCRYPT: ("encryption_algorithm",),
    Operation.DECRYPT: ("encryption_algorithm",),
    Operation.RE_ENCRYPT: ("source_encryption_algorithm", "destination_encryption_algorithm"),
    Operation.SIGN: ("signing_algorithm",),
    Operation.VERIFY: ("signing_algorithm",),
    Operation.GENERATE_DATA_KEY_PAIR: ("key_pair_spec",),
    Operation.GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT: ("key_pair_spec",),
}
"""Request fields that say the kind of key. ReEncrypt works with two keys, and draws on the class of each, once where they are one."""

_SIGNING: Final = {"RSASSA_": "rsa", "ECDSA_": "ecc", "ED25519_": "ecc", "ML_DSA_": "post_quantum"}
_ENCRYPTION: Final = {"SYMMETRIC_DEFAULT": "symmetric", "RSAES_": "rsa"}


def class_said(field: str, value: str) -> str:
    """The class that a value of one of these fields means; empty for a kind that is not offered."""
    if field == "key_pair_spec":
        name = f"data_key_pair_{value.lower()}"
        return name if name in RATES else ""
    kinds = _SIGNING if field == "signing_algorithm" else _ENCRYPTION
    return next((kind for prefix, kind in kinds.items() if value.startswith(prefix)), "")


BURST_MIN: Final = 10.0
