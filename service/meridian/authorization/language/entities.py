"""Principals, keys and scopes as Cedar entities. The one place that builds them.

Ids: `<account>/<name>` for principals and groups, `<account>/<region>/<key id>` for keys, `<account>/<region>` for scopes,
`<account>/<mrk key id>` for families, `<account>/<alias prefix>` for alias paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from meridian.authorization.language.evaluator import Uid
from meridian.domain.any_case import any_case
from meridian.domain.key import Key
from meridian.domain.principal import Principal

Entity = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ScopeResource:
    """One account in one Region: the resource of calls that concern no single key."""

    account: str
    region: str

    @property
    def arn(self) -> str:
        return "*"


@dataclass(frozen=True, slots=True)
class AliasResource:
    """An alias, or one that is to be."""

    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class KeyStoreResource:
    """A custom key store."""

    account: str
    region: str
    store_id: str
    store_type: str
    """CustomKeyStoreType of the AWS KMS API."""

    @property
    def arn(self) -> str:
        return self.store_id


Resource = Key | ScopeResource | AliasResource | KeyStoreResource


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the operator says about accounts and Regions."""

    org_units: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Units of an account, nearest first, each inside the next."""
    region_labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def entity(uid: Uid, parents: tuple[Uid, ...] = (), attrs: Entity | None = None, tags: Mapping[str, str] | None = None) -> Entity:
    made: Entity = {
        "uid": {"type": uid[0], "id": uid[1]},
        "attrs": attrs or {},
        "parents": [{"type": kind, "id": name} for kind, name in parents],
    }
    if tags:
        made["tags"] = dict(tags)
    return made


def principal_uid(principal: Principal) -> Uid:
    return f"KMS::{principal.kind}", principal.entity_id


def resource_uid(resource: Resource) -> Uid:
    if isinstance(resource, ScopeResource):
        return "KMS::Scope", f"{resource.account}/{resource.region}"
    if isinstance(resource, AliasResource):
        return "KMS::Alias", f"{resource.account}/{resource.region}/{resource.name}"
    if isinstance(resource, KeyStoreResource):
        return "KMS::KeyStore", f"{resource.account}/{resource.region}/{resource.store_id}"
    return "KMS::Key", f"{resource.account}/{resource.region}/{resource.key_id}"


def principal_entities(principal: Principal, around: Surroundings) -> list[Entity]:
    """The caller and everything he is in."""
    groups: list[Uid] = [("KMS::Group", group) for group in principal.group_ids]
    parents = (*groups, ("KMS::Account", principal.account))
    lowered = _any_case_uid(principal_uid(principal))
    attrs = {"arn": principal.arn, "account": principal.account, "anyCase": _reference(lowered)}
    made = [entity(principal_uid(principal), parents, attrs, dict(principal.tags))]
    made.append(entity(lowered, tags=any_case(dict(principal.tags))))
    made += [entity(group) for group in groups]
    return made + account_entities(principal.account, around)


def principal_ancestors(principal: Principal, around: Surroundings) -> frozenset[Uid]:
    """Every container of a caller, himself included."""
    return frozenset((e["uid"]["type"], e["uid"]["id"]) for e in principal_entities(principal, around))


def account_entities(account: str, around: Surroundings) -> list[Entity]:
    """An account and the units around it."""
    units = [("KMS::OrgUnit", unit) for unit in around.org_units.get(account, ())]
    chain: list[Uid] = [("KMS::Account", account), *units]
    return [entity(uid, tuple(chain[at + 1 : at + 2])) for at, uid in enumerate(chain)]


def resource_entities(resource: Resource, around: Surroundings) -> list[Entity]:
    """What the call is about, and everything it is in."""
    scope: Uid = ("KMS::Scope", f"{resource.account}/{resource.region}")
    labels = sorted(around.region_labels.get(resource.region, ()))
    attrs: Entity = {"account": resource.account, "region": resource.region, "regionLabels": labels}
    made = [entity(scope, (("KMS::Account", resource.account),), attrs), *account_entities(resource.account, around)]
    if isinstance(resource, Key):
        made += _key_entities(resource, scope, labels)
    elif isinstance(resource, AliasResource):
        leaf: Uid = ("KMS::AliasPath", f"{resource.account}/{resource.name}")
        own = {"name": resource.name, "account": resource.account, "region": resource.region}
        made += [entity(resource_uid(resource), (scope, leaf), own), *_alias_paths(resource.account, (resource.name,))]
    elif isinstance(resource, KeyStoreResource):
        described = {"account": resource.account, "region": resource.region, "storeType": resource.store_type}
        made.append(entity(resource_uid(resource), (scope,), described))
    return made


def _alias_paths(account: str, aliases: Iterable[str]) -> list[Entity]:
    """Every step of these alias names, each inside the one before."""
    made = []
    for path in sorted({prefix for alias in aliases for prefix in _prefixes(alias)}):
        parent = path.rpartition("/")[0]
        made.append(entity(("KMS::AliasPath", f"{account}/{path}"), (("KMS::AliasPath", f"{account}/{parent}"),) if parent else ()))
    return made


def _key_entities(key: Key, scope: Uid, labels: list[str]) -> list[Entity]:
    leaves = tuple(sorted({("KMS::AliasPath", f"{key.account}/{alias}") for alias in key.aliases}))
    family: tuple[Uid, ...] = (("KMS::KeyFamily", f"{key.account}/{key.key_id}"),) if key.multi_region else ()
    lowered = _any_case_uid(resource_uid(key))
    attrs = {**_key_attributes(key, labels), "anyCase": _reference(lowered)}
    made = [entity(resource_uid(key), (scope, *family, *leaves), attrs, dict(key.tags))]
    made.append(entity(lowered, tags=any_case(dict(key.tags))))
    made += [entity(uid, (("KMS::Account", key.account),)) for uid in family]
    return made + _alias_paths(key.account, key.aliases)


def _any_case_uid(owner: Uid) -> Uid:
    return "KMS::AnyCase", "::".join(owner)


def _reference(uid: Uid) -> Entity:
    return {"__entity": {"type": uid[0], "id": uid[1]}}


def _prefixes(alias: str) -> list[str]:
    steps = alias.split("/")
    return ["/".join(steps[:count]) for count in range(1, len(steps) + 1)]


def _key_attributes(key: Key, labels: list[str]) -> Entity:
    attrs: Entity = {
        "arn": key.arn,
        "account": key.account,
        "region": key.region,
        "regionLabels": labels,
        "keySpec": str(key.key_spec),
        "keyUsage": str(key.key_usage),
        "keyOrigin": str(key.origin),
        "multiRegion": key.multi_region is not None,
        "replicaRegions": [],
        "resourceAliases": list(key.aliases),
        "keyState": str(key.state),
        "accountDelegation": key.account_delegation,
    }
    if key.multi_region is not None and key.multi_region_key_type is not None:
        attrs["multiRegionKeyType"] = str(key.multi_region_key_type)
        attrs["primaryRegion"] = key.multi_region.primary_region
        if key.multi_region.primary_region == key.region:
            attrs["replicaRegions"] = list(key.multi_region.replica_regions)
    if key.custom_key_store_id:
        attrs["customKeyStoreId"] = key.custom_key_store_id
    return attrs


def resource_ancestors(resource: Resource, around: Surroundings) -> frozenset[Uid]:
    """Every container of a resource, itself included."""
    found = {(e["uid"]["type"], e["uid"]["id"]) for e in resource_entities(resource, around)}
    return frozenset(found)
