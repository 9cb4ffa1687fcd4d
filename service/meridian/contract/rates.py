"""THE table: rate classes. The protos say which class an operation draws on, and which fields of its request say the kind of key.

One bucket per account and class; a burst is one second's worth, at least ten calls. Calls per second are AWS's defaults. Classes of
cryptographic calls go by the kind of key. The rate is asked before any key is looked up, so the kind is read from what the request
says: its algorithm or the spec of its key pair. A request that says another kind than its key has is counted as it says, and refused.
ReEncrypt works with two keys, and draws on the class of each, once where they are one. A batch draws on its class where it is refused as a
whole; otherwise each of its items does, as a call.

Source: AWS KMS Developer Guide, Request quotas.
"""

from __future__ import annotations

from typing import Final

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
