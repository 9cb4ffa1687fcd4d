"""THE table: how long a call may take, by the kind of its work. The server bounds by it calls whose callers name no deadline; clients
name the same deadline where their users name none."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Work(IntEnum):
    """Kinds of work, each as a multiple of the time that a cryptographic call has."""

    CRYPTOGRAPHY = 1
    MANAGEMENT = 2
    """Transactions, and questions to other Regions."""
    SLOW = 6
    """Keys that are searched for: an RSA key of 4096 bits takes seconds on a busy machine, after the calls before it."""


CRYPTOGRAPHY_SECONDS: Final = 5.0
WORK_OF: Final[dict[str, Work]] = {
    **dict.fromkeys(
        (
            "Encrypt",
            "Decrypt",
            "ReEncrypt",
            "GenerateDataKey",
            "GenerateDataKeyWithoutPlaintext",
            "GenerateRandom",
            "Sign",
            "Verify",
            "GetPublicKey",
            "GenerateMac",
            "VerifyMac",
            "DeriveSharedSecret",
            "Encapsulate",
            "Decapsulate",
        ),
        Work.CRYPTOGRAPHY,
    ),
    **dict.fromkeys(
        (
            "CreateKey",
            "GenerateDataKeyPair",
            "GenerateDataKeyPairWithoutPlaintext",
            "GetParametersForImport",
            "ImportKeyMaterial",
        ),
        Work.SLOW,
    ),
}
"""By operation; all others are management. An operation that is slow for some keys has the time for all of them."""


def seconds_of(operation: str, cryptography_seconds: float) -> float:
    """How long a call of this operation may take where a cryptographic one may take `cryptography_seconds`."""
    return cryptography_seconds * WORK_OF.get(operation, Work.MANAGEMENT)
