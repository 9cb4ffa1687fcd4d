"""Principals, keys and Regions as rows of a YAML file, and back.

A row names only what matters; the rest is filled in as the service would.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import yaml

from meridian.authorization.language.entities import KeyStoreResource, Surroundings
from meridian.authorization.language.evaluator import PolicySyntaxError, parse_policies
from meridian.domain.close_names import did_you_mean
from meridian.domain.identifiers import GROUP_NAME
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.domain.key_store import KeyStoreType
from meridian.domain.principal import Principal

Row = Mapping[str, Any]

KINDS: Final = {"User": "user", "Role": "role", "Service": "service"}
ACCOUNT: Final = "111122223333"
KEY_ID: Final = "1234abcd-12ab-34cd-56ef-1234567890ab"
MULTI_REGION_KEY_ID: Final = "mrk-1234abcd12ab34cd56ef1234567890ab"

STORE_ID: Final = "cks-1234567890abcdef0"
STORE_TYPE: Final = "storeType"
STORE_FIELDS: Final = frozenset({STORE_TYPE})

PRINCIPAL_FIELDS: Final = frozenset({"account", "kind", "name", "groups", "tags"})
KEY_FIELDS: Final = frozenset(
    {
        "account",
        "id",
        "region",
        "keySpec",
        "keyUsage",
        "keyOrigin",
        "keyState",
        "multiRegion",
        "primaryRegion",
        "replicaRegions",
        "policy",
        "accountDelegation",
        "tags",
        "aliases",
        "customKeyStoreId",
    }
)


PRINCIPAL_KINDS: Final[Mapping[str, type]] = {"kind": str, "groups": list, "tags": Mapping}
KEY_KINDS: Final[Mapping[str, type]] = {
    **dict.fromkeys(("id", "region", "primaryRegion", "policy", "customKeyStoreId"), str),
    **dict.fromkeys(("multiRegion", "accountDelegation"), bool),
    **dict.fromkeys(("aliases", "replicaRegions"), list),
    "tags": Mapping,
}
"""What is not read as whatever text it can be written as."""
NAMES_OF_KINDS: Final[Mapping[type, str]] = {str: "text", bool: "true or false", list: "a list of texts", Mapping: "names with values"}


class RowError(Exception):
    """A row of a policy test file cannot be read; the message names the place and the field."""


@contextmanager
def understood(place: str) -> Iterator[None]:
    """Rows are read as what they should be: what is something else ends here. Raises: RowError that names the place."""
    try:
        yield
    except RowError:
        raise
    except (AttributeError, TypeError, ValueError, LookupError, OverflowError) as fault:
        why = f": {fault}" if isinstance(fault, ValueError) else ""  # of the others Python speaks of its own types
        raise RowError(f"{place}: a value is not of the kind that is read there{why}") from fault


def require_fields(row: Any, allowed: frozenset[str], place: str, needed: tuple[str, ...] = ()) -> Row:
    """The row, if it is a mapping of allowed names. Raises: RowError."""
    if not isinstance(row, Mapping):
        raise RowError(f"{place}: names with values are expected here")
    unknown = sorted(set(map(str, row)) - allowed)
    if unknown:
        raise RowError(f"{place}: {unknown[0]} is unknown{did_you_mean(unknown[0], allowed)}; known are {', '.join(sorted(allowed))}")
    missing = [name for name in needed if name not in row]
    if missing:
        raise RowError(f"{place}: {missing[0]} is missing")
    return row


def in_words(row: Row) -> str:
    """A row in one line, as a file of tests would have it."""
    text: str = yaml.safe_dump(dict(row), default_flow_style=True, width=sys.maxsize, sort_keys=False, allow_unicode=True)
    return text.strip()


def principal_of(name: str, row: Row, place: str) -> Principal:
    """Raises: RowError."""
    require_fields(row, PRINCIPAL_FIELDS, place)
    _require_kinds(row, PRINCIPAL_KINDS, place)
    account, kind = str(row.get("account", ACCOUNT)), row.get("kind", "User")
    if kind not in KINDS:
        raise RowError(f"{place}: kind is one of {', '.join(KINDS)}{did_you_mean(str(kind), KINDS)}")
    own, groups = str(row.get("name", name)), tuple(row.get("groups", ()))
    if not all(isinstance(group, str) and GROUP_NAME.fullmatch(group) for group in groups):
        raise RowError(f"{place}: groups are named without their account, which is the principal's")
    return Principal(
        kind=kind,
        account=account,
        name=own,
        arn=f"arn:aws:iam::{account}:{KINDS[kind]}/{own}",
        groups=groups,
        tags=_pairs(row.get("tags", {})),
    )


def resource_of(row: Row, *, region: str, version: int, place: str) -> Key | KeyStoreResource:
    """A custom key store where the row has a storeType, a key otherwise. Raises: RowError."""
    if not (isinstance(row, Mapping) and STORE_TYPE in row):
        return key_of(row, region=region, version=version, place=place)
    require_fields(row, STORE_FIELDS, place)
    if row[STORE_TYPE] not in list(KeyStoreType):
        raise RowError(f"{place}: {STORE_TYPE} is one of {', '.join(KeyStoreType)}")
    return KeyStoreResource(ACCOUNT, region, STORE_ID, row[STORE_TYPE])


def of_caller(resource: Key | KeyStoreResource, principal: Principal) -> Key | KeyStoreResource:
    """The resource as this caller can name it: a custom key store is of his account."""
    return resource if isinstance(resource, Key) else replace(resource, account=principal.account)


def key_of(row: Row, *, region: str, version: int, place: str) -> Key:
    """Keys may share an id; `version` keeps their decisions apart, as versions of one key do. Raises: RowError."""
    require_fields(row, KEY_FIELDS, place)
    _require_kinds(row, KEY_KINDS, place)
    own_region = row.get("region", region)
    multi_region = row.get("multiRegion", False)
    role = MultiRegionRole(row.get("primaryRegion", own_region), tuple(row.get("replicaRegions", ()))) if multi_region else None
    try:
        parse_policies(row.get("policy", ""))
        return Key(
            partition="aws",
            region=own_region,
            account=str(row.get("account", ACCOUNT)),
            key_id=row.get("id", MULTI_REGION_KEY_ID if multi_region else KEY_ID),
            key_spec=KeySpec(row.get("keySpec", "SYMMETRIC_DEFAULT")),
            key_usage=KeyUsage(row.get("keyUsage", "ENCRYPT_DECRYPT")),
            origin=Origin(row.get("keyOrigin", "AWS_KMS")),
            state=KeyState(row.get("keyState", "Enabled")),
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            version=version,
            multi_region=role,
            policy=row.get("policy", ""),
            account_delegation=row.get("accountDelegation", True),
            tags=_pairs(row.get("tags", {})),
            aliases=tuple(sorted(row.get("aliases", ()))),
            custom_key_store_id=row.get("customKeyStoreId", ""),
        )
    except (ValueError, PolicySyntaxError) as fault:
        raise RowError(f"{place}: {fault}") from fault


def surroundings_of(document: Row) -> Surroundings:
    """Organisational units of accounts and labels of Regions."""
    return Surroundings(
        org_units={str(account): tuple(units) for account, units in document.get("orgUnits", {}).items()},
        region_labels={region: tuple(labels) for region, labels in document.get("regionLabels", {}).items()},
    )


def _require_kinds(row: Row, kinds: Mapping[str, type], place: str) -> None:
    """Raises: RowError."""
    for name, kind in kinds.items():
        value = row.get(name)
        if name in row and not (isinstance(value, kind) and (not isinstance(value, list) or all(isinstance(each, str) for each in value))):
            raise RowError(f"{place}: {name} must be {NAMES_OF_KINDS[kind]}")


def _pairs(tags: Row) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(name), str(value)) for name, value in tags.items()))
