"""THE table of facts with a closed set of values, each set taken from the contract."""

from __future__ import annotations

from typing import Any, Final

from meridian.contract.enums import enum_values
from meridian.kms.v1 import types_pb2
from meridian.policy_kit.reads import Path


def _values(enum: str) -> tuple[str, ...]:
    types: Any = types_pb2
    return tuple(enum_values(types.DESCRIPTOR.enum_types_by_name[enum]).values())


CLOSED_DOMAINS: Final[dict[Path, tuple[str, ...]]] = {
    ("resource", "keySpec"): _values("KeySpec"),
    ("resource", "keyUsage"): _values("KeyUsageType"),
    ("resource", "keyOrigin"): _values("OriginType"),
    ("resource", "keyState"): _values("KeyState"),
    ("resource", "multiRegionKeyType"): _values("MultiRegionKeyType"),
    ("resource", "storeType"): _values("CustomKeyStoreType"),
    ("context", "storeType"): _values("CustomKeyStoreType"),
    ("context", "encryptionAlgorithm"): _values("EncryptionAlgorithmSpec"),
    ("context", "signingAlgorithm"): _values("SigningAlgorithmSpec"),
    ("context", "macAlgorithm"): _values("MacAlgorithmSpec"),
    ("context", "keyAgreementAlgorithm"): _values("KeyAgreementAlgorithmSpec"),
    ("context", "encapsulationAlgorithm"): _values("EncapsulationAlgorithmSpec"),
    ("context", "dataKeyPairSpec"): _values("DataKeyPairSpec"),
    ("context", "messageType"): _values("MessageType"),
    ("context", "expirationModel"): _values("ExpirationModelType"),
    ("context", "wrappingAlgorithm"): _values("AlgorithmSpec"),
    ("context", "wrappingKeySpec"): _values("WrappingKeySpec"),
    ("context", "grantOperations"): _values("GrantOperation"),
    ("context", "grantConstraintType"): ("EncryptionContextEquals", "EncryptionContextSubset"),
}
