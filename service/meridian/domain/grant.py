"""Grants: a permission on one key for one principal, that can only allow.

Matching is here; whether a matched grant admits the call is one built-in policy, so that a forbid still wins.

Source: AWS KMS Developer Guide, Grants; AWS KMS API Reference, CreateGrant, GrantConstraints.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from meridian.domain.algorithms import has_public_key, is_symmetric_encryption
from meridian.domain.key import Key, KeySpec, KeyUsage
from meridian.domain.limits import GRANT_CONSTRAINT_PAIRS_MAX, GRANT_CONSTRAINT_VALUE_CHARACTERS_MAX
from meridian.domain.principal import Principal
from meridian.errors import InvalidArnException, ValidationException

_ALWAYS: Final = frozenset({"CreateGrant", "RetireGrant", "DescribeKey"})
_CIPHER: Final = frozenset({"Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo"})
_DATA_KEYS: Final = frozenset(
    {"GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"}
)
OF_USAGE: Final[dict[KeyUsage, frozenset[str]]] = {
    KeyUsage.ENCRYPT_DECRYPT: _CIPHER,
    KeyUsage.SIGN_VERIFY: frozenset({"Sign", "Verify"}),
    KeyUsage.GENERATE_VERIFY_MAC: frozenset({"GenerateMac", "VerifyMac"}),
    KeyUsage.KEY_AGREEMENT: frozenset({"DeriveSharedSecret"}),
    KeyUsage.ENCAPSULATE_DECAPSULATE: frozenset({"Encapsulate", "Decapsulate"}),
}
"""THE table: operations that a grant can allow on keys of a usage, beside those of every key."""

CONSTRAINED: Final = _CIPHER | _DATA_KEYS
"""Operations that the constraint of a grant is held against."""

GRANT_TOKEN: Final = "grant token"  # noqa: S105 - a label
"""What a grant token is sealed for."""

EQUALS, SUBSET = "EncryptionContextEquals", "EncryptionContextSubset"


PRINCIPAL: Final = re.compile(
    r"arn:aws[a-z-]*:iam::[0-9]{12}:(root|(user|role|service|federated-user)/[\w+=,.@/-]+)"
    r"|arn:aws[a-z-]*:sts::[0-9]{12}:(assumed-role|federated-user)/[\w+=,.@/-]+|[0-9]{12}"
)


def require_principal(text: str) -> None:
    """Raises: InvalidArnException for what names no principal of a grant."""
    if not PRINCIPAL.fullmatch(text):
        raise InvalidArnException(f"ARN is not valid: {text}")


def require_own_partition(text: str, partition: str) -> None:
    """Refuse a principal that `require_principal` lets pass and that is of another partition: its account is not the one of this number
    here. Raises: InvalidArnException."""
    if ":" in text and text.split(":", 2)[1] != partition:
        raise InvalidArnException(f"ARN is not valid: {text}")


def account_of(principal: str) -> str:
    """The account of a principal that `require_principal` lets pass."""
    return principal.split(":")[4] if ":" in principal else principal


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant."""

    grant_id: str
    """64 lower-case hexadecimal digits."""
    account: str
    """Of the key."""
    key_id: str
    grantee_principal: str
    issuing_account: str
    operations: frozenset[str]
    created_at: datetime
    name: str = ""
    retiring_principal: str = ""
    constraint_type: str = ""
    """EQUALS or SUBSET; empty for none."""
    constraint: Mapping[str, str] = field(default_factory=dict)
    source_arn: str = ""

    def is_same(self, other: Grant) -> bool:
        """Whether both say the same under one name: then the second is the first."""
        return bool(self.name) and self.terms == other.terms

    @property
    def terms(self) -> tuple[object, ...]:
        constraint = (self.constraint_type, tuple(sorted(self.constraint.items())), self.source_arn)
        return (self.name, self.key_id, self.grantee_principal, self.retiring_principal, self.operations, constraint)


def operations_of(key: Key) -> frozenset[str]:
    """What a grant on this key can allow."""
    return operations_of_kind(key.key_spec, key.key_usage)


def operations_of_kind(key_spec: KeySpec, key_usage: KeyUsage) -> frozenset[str]:
    """What a grant on such a key can allow."""
    own = OF_USAGE[key_usage] | _ALWAYS
    if is_symmetric_encryption(key_spec):
        return own | _DATA_KEYS
    return own | {"GetPublicKey"} if has_public_key(key_spec) else own


def require_grant_terms(key: Key, grant: Grant) -> None:
    """Refuse a grant that this key cannot have. Raises: ValidationException."""
    wrong = grant.operations - operations_of(key)
    if wrong:
        kind = "symmetric" if not has_public_key(key.key_spec) else "asymmetric"
        raise ValidationException(
            f"Operations [{', '.join(sorted(wrong))}] are not supported when creating a grant for a {kind} KMS key with key usage "
            f"{key.key_usage}. Valid operations are [{', '.join(sorted(operations_of(key)))}]",
            fields=[("operations", "not possible with this key")],
        )
    if grant.constraint_type and not is_symmetric_encryption(key.key_spec):
        raise ValidationException(
            "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key.",
            fields=[("constraints", "given for a key that takes no encryption context")],
        )


def require_constraint_size(name: str, pairs: Mapping[str, str]) -> None:
    """Raises: ValidationException for more pairs, or longer values, than a grant keeps; `name` is the constraint's in the request."""
    what = ""
    if len(pairs) > GRANT_CONSTRAINT_PAIRS_MAX:
        what = f"more than {GRANT_CONSTRAINT_PAIRS_MAX} pairs"
    elif any(len(value) > GRANT_CONSTRAINT_VALUE_CHARACTERS_MAX for value in pairs.values()):
        what = f"a value of more than {GRANT_CONSTRAINT_VALUE_CHARACTERS_MAX} characters"
    if what:
        raise ValidationException(f"The grant constraint {name} has {what}.", fields=[(f"constraints.{name}", what)])


def is_grantee(grant: Grant, principal: Principal) -> bool:
    """Whether the grant is this caller's. An account as grantee opens the key to callers of another account alone, whose own
    account must allow them too.
    """
    return _is_meant(grant.grantee_principal, principal, grant.account)


def is_retiring(grant: Grant, principal: Principal) -> bool:
    """Whether the grant names this caller as the one who may retire it."""
    return grant.retiring_principal != "" and _is_meant(grant.retiring_principal, principal, grant.account)


def _is_meant(named: str, principal: Principal, account: str) -> bool:
    if named == principal.arn:
        return True
    return named in principals_meant(principal) and principal.account != account


def principals_meant(principal: Principal) -> tuple[str, ...]:
    """Every way to name this caller in a grant."""
    return principal.arn, principal.account, f"arn:{principal.partition}:iam::{principal.account}:root"


def holds(grant: Grant, operation: str, encryption_context: Mapping[str, str]) -> bool:
    """Whether the grant allows this operation with this encryption context."""
    if operation not in grant.operations or grant.source_arn:
        return False  # nobody calls on behalf of another resource here, so a grant that asks for one admits nothing
    if operation not in CONSTRAINED or not grant.constraint_type:
        return True
    if grant.constraint_type == EQUALS:
        return dict(grant.constraint) == dict(encryption_context)
    return all(encryption_context.get(key) == value for key, value in grant.constraint.items())


def covers(parent: Grant, child: Grant) -> bool:
    """Whether one who holds `parent` may create `child`: nothing in it is wider."""
    if "CreateGrant" not in parent.operations or not child.operations <= parent.operations or parent.source_arn != child.source_arn:
        return False
    if not parent.constraint_type:
        return True
    if parent.constraint_type == EQUALS:
        return child.constraint_type == EQUALS and dict(child.constraint) == dict(parent.constraint)
    return child.constraint_type != "" and all(child.constraint.get(key) == value for key, value in parent.constraint.items())
