"""THE table: what an operation can never do to a key, whatever its state.

Management operations ask before the state, cryptographic ones after it; the pipeline's admit step knows the order.

Source: AWS KMS Developer Guide, Multi-Region keys; recorded answers for the messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from meridian.domain.algorithms import algorithms
from meridian.domain.key import Key, KeyUsage, MultiRegionKeyType
from meridian.errors import InvalidKeyUsageException, KmsError, UnsupportedOperationException


def _is_primary(key: Key) -> KmsError | None:
    if key.multi_region_key_type is MultiRegionKeyType.PRIMARY:
        return None
    return UnsupportedOperationException(f"{key.arn} is not a multi-region primary key.", key_arn=key.arn)


MANAGEMENT: Final[dict[str, tuple[Callable[[Key], KmsError | None], ...]]] = {
    "ReplicateKey": (_is_primary,),
}
"""Rules of management operations, in the order they are asked."""

CRYPTOGRAPHIC: Final[dict[str, tuple[KeyUsage, str]]] = {
    "Encrypt": (KeyUsage.ENCRYPT_DECRYPT, "encryption_algorithm"),
    "Decrypt": (KeyUsage.ENCRYPT_DECRYPT, "encryption_algorithm"),
    "ReEncrypt": (KeyUsage.ENCRYPT_DECRYPT, ""),
    "GenerateDataKey": (KeyUsage.ENCRYPT_DECRYPT, ""),
    "GenerateDataKeyWithoutPlaintext": (KeyUsage.ENCRYPT_DECRYPT, ""),
}
"""Usage that a cryptographic operation needs, and the request field that names its algorithm."""


def require_applicable(operation: str, key: Key) -> None:
    """Refuse a management operation that can never work on this key. Raises: UnsupportedOperationException."""
    for rule in MANAGEMENT.get(operation, ()):
        fault = rule(key)
        if fault is not None:
            raise fault


def require_usage(operation: str, key: Key, algorithm: str) -> None:
    """Refuse a cryptographic operation that the key's usage, or the algorithm, does not fit.

    `algorithm` is empty for operations that take none. Raises: InvalidKeyUsageException.
    """
    usage, _ = CRYPTOGRAPHIC[operation]
    if key.key_usage is not usage:
        raise InvalidKeyUsageException(f"{key.arn} key usage is {key.key_usage} which is not valid for {operation}.", key_arn=key.arn)
    if algorithm and algorithm not in algorithms(key.key_spec, usage):
        raise InvalidKeyUsageException(f"Algorithm {algorithm} is incompatible with key spec {key.key_spec}.", key_arn=key.arn)
