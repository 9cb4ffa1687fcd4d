"""THE table: what each operation may do in each key state.

Two answers exist for "not now": DisabledException for Disabled, KMSInvalidStateException for everything else. What can never
work, whatever the state, is in `applicability.py`.

Source: AWS KMS Developer Guide, Key states of AWS KMS keys; recorded answers where they differ.
"""

from __future__ import annotations

from typing import Final

from meridian.domain.key import Key, KeyState
from meridian.errors import DisabledException, KMSInvalidStateException

STATES: Final = (
    KeyState.ENABLED,
    KeyState.DISABLED,
    KeyState.PENDING_DELETION,
    KeyState.PENDING_IMPORT,
    KeyState.UNAVAILABLE,
    KeyState.CREATING,
    KeyState.UPDATING,
)
"""Columns of the table. PendingReplicaDeletion shares the column of PendingDeletion."""

# ok    allowed
# no    refused: Disabled → DisabledException, else KMSInvalidStateException that names the state
# not   refused: the key is not pending deletion
_CRYPTOGRAPHIC: Final = "ok no no no no no ok"
_READ: Final = "ok ok ok ok ok ok ok"
_INDEPENDENT: Final = "ok ok no ok ok ok ok"

TABLE: Final[dict[str, str]] = {
    #                                  Enabled Disabled PDel PendingImport Unavailable Creating Updating
    "CancelKeyDeletion": "not not ok not not not not",
    "CreateAlias": _INDEPENDENT,
    "CreateGrant": "ok no no no ok no ok",
    "Decapsulate": _CRYPTOGRAPHIC,
    "Decrypt": _CRYPTOGRAPHIC,
    "DeleteAlias": _READ,
    "DeleteImportedKeyMaterial": "ok ok ok ok ok no no",
    "DeriveSharedSecret": _CRYPTOGRAPHIC,
    "DescribeExternalKey": "ok ok ok no no no no",
    "DescribeKey": _READ,
    "DisableKey": "ok ok no no ok no no",
    "DisableKeyRotation": "ok no no ok ok no ok",
    "EnableKey": "ok ok no no ok no no",
    "EnableKeyRotation": "ok no no ok ok no ok",
    "Encapsulate": _CRYPTOGRAPHIC,
    "Encrypt": _CRYPTOGRAPHIC,
    "GenerateDataKey": _CRYPTOGRAPHIC,
    "GenerateDataKeyPair": _CRYPTOGRAPHIC,
    "GenerateDataKeyPairWithoutPlaintext": _CRYPTOGRAPHIC,
    "GenerateDataKeyWithoutPlaintext": _CRYPTOGRAPHIC,
    "GenerateMac": _CRYPTOGRAPHIC,
    "GetKeyLastUsage": _READ,
    "GetKeyPolicy": _READ,
    "GetKeyRotationStatus": _READ,
    "GetParametersForImport": "ok ok no ok ok no no",
    "GetPublicKey": "ok ok no no no no ok",
    "ImportKeyMaterial": "ok ok no ok ok no ok",
    "ListAliases": _READ,
    "ListGrants": _READ,
    "ListKeyPolicies": _READ,
    "ListKeyRotations": _READ,
    "ListResourceTags": _READ,
    "PutKeyPolicy": _READ,
    "ReEncrypt": _CRYPTOGRAPHIC,
    "ReplicateKey": "ok no no no no no no",
    "RetireGrant": _READ,
    "RevokeGrant": _READ,
    "RotateKeyOnDemand": "ok no no no ok no ok",
    "ScheduleKeyDeletion": "ok ok no ok ok ok no",
    "Sign": _CRYPTOGRAPHIC,
    "TagResource": _INDEPENDENT,
    "UntagResource": _INDEPENDENT,
    "UpdateAlias": _INDEPENDENT,
    "UpdateKeyDescription": _INDEPENDENT,
    "UpdatePrimaryRegion": _CRYPTOGRAPHIC,
    "Verify": _CRYPTOGRAPHIC,
    "VerifyMac": _CRYPTOGRAPHIC,
    "XksDecrypt": _CRYPTOGRAPHIC,
    "XksEncrypt": _CRYPTOGRAPHIC,
    "XksGetKeyMetadata": "ok ok no no no no ok",
}

_ROWS: Final = {
    operation: dict(zip(STATES, codes.split(), strict=True)) | {KeyState.PENDING_REPLICA_DELETION: codes.split()[2]}
    for operation, codes in TABLE.items()
}

_WORDS: Final = {
    KeyState.PENDING_DELETION: "pending deletion",
    KeyState.PENDING_REPLICA_DELETION: "pending replica deletion",
    KeyState.PENDING_IMPORT: "pending import",
    KeyState.UNAVAILABLE: "unavailable",
    KeyState.CREATING: "creating",
    KeyState.UPDATING: "updating",
}


def require_state(operation: str, key: Key) -> None:
    """Refuse an operation that the key's state does not allow.

    Raises: DisabledException, KMSInvalidStateException.
    """
    code = _ROWS[operation][key.state]
    if code == "ok":
        return
    if code == "not":
        raise KMSInvalidStateException(f"{key.arn} is not pending deletion.", key_arn=key.arn)
    if key.state is KeyState.DISABLED:
        raise DisabledException(key.arn)
    raise KMSInvalidStateException(f"{key.arn} is {_WORDS[key.state]}.", key_arn=key.arn)
