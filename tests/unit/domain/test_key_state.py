"""What each operation may do in each key state, column by column."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, Origin
from meridian.domain.key_state import STATES, TABLE, require_state
from meridian.errors import DisabledException, KmsError, KMSInvalidStateException


def key(state: KeyState) -> Key:
    return Key(
        "aws",
        "us-east-1",
        "111122223333",
        "1234abcd-12ab-34cd-56ef-1234567890ab",
        KeySpec.SYMMETRIC_DEFAULT,
        KeyUsage.ENCRYPT_DECRYPT,
        Origin.AWS_KMS,
        state,
        datetime(2026, 1, 1, tzinfo=UTC),
    )


def outcome(operation: str, state: KeyState) -> str:
    try:
        require_state(operation, key(state))
    except KmsError as refusal:
        return f"{refusal.code}: {refusal.message.removeprefix(key(state).arn).strip()}"
    return "ok"


def test_every_row_answers_in_every_state() -> None:
    for operation, codes in TABLE.items():
        assert len(codes.split()) == len(STATES), operation
        for state in KeyState:
            assert outcome(operation, state)


@pytest.mark.parametrize(
    ("operation", "state", "expected"),
    [
        ("Encrypt", KeyState.ENABLED, "ok"),
        ("Encrypt", KeyState.UPDATING, "ok"),
        ("Encrypt", KeyState.DISABLED, "DisabledException: is disabled."),
        ("Encrypt", KeyState.CREATING, "KMSInvalidStateException: is creating."),
        ("Decrypt", KeyState.PENDING_DELETION, "KMSInvalidStateException: is pending deletion."),
        ("Decrypt", KeyState.PENDING_REPLICA_DELETION, "KMSInvalidStateException: is pending replica deletion."),
        ("Decrypt", KeyState.PENDING_IMPORT, "KMSInvalidStateException: is pending import."),
        ("GetPublicKey", KeyState.DISABLED, "ok"),
        ("CancelKeyDeletion", KeyState.ENABLED, "KMSInvalidStateException: is not pending deletion."),
        ("CancelKeyDeletion", KeyState.PENDING_DELETION, "ok"),
        ("ReplicateKey", KeyState.UPDATING, "KMSInvalidStateException: is updating."),
        ("DisableKey", KeyState.CREATING, "KMSInvalidStateException: is creating."),
        ("PutKeyPolicy", KeyState.PENDING_DELETION, "ok"),
        ("UpdateKeyDescription", KeyState.PENDING_DELETION, "KMSInvalidStateException: is pending deletion."),
        ("DescribeKey", KeyState.UNAVAILABLE, "ok"),
    ],
)
def test_known_answers(operation: str, state: KeyState, expected: str) -> None:
    assert outcome(operation, state) == expected


def test_only_disabled_is_a_disabled_exception() -> None:
    for state in set(KeyState) - {KeyState.ENABLED, KeyState.UPDATING, KeyState.DISABLED}:
        with pytest.raises(KMSInvalidStateException):
            require_state("Encrypt", key(state))
    with pytest.raises(DisabledException):
        require_state("Encrypt", key(KeyState.DISABLED))
