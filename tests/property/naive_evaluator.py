"""The rules of the policy layers, written down a second time and as plainly as they read. Slow, and without any cleverness.

Allowed means: no forbid of any layer matches, and a permit matches in the key's own policy, in a live grant, or, where the key
leaves the action to its account, in the account's policies. What cannot be evaluated denies.

Source: docs/spec/policies.md. Shares no code with the service; its records of callers, keys and grants serve as data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.property.naive_cedar import CedarError, Expr, Uid, World, quoted, text_of, truth_of

from meridian.domain.grant import Grant
from meridian.domain.key import Key
from meridian.domain.principal import Principal

GROUPS_OF: dict[str, frozenset[str]] = {
    "Encrypt": frozenset({"Encrypting", "Use", "Grantable", "Any"}),
    "GenerateDataKey": frozenset({"Encrypting", "Use", "Grantable", "Any"}),
    "ReEncryptTo": frozenset({"Encrypting", "Use", "Grantable", "Any"}),
    "Decrypt": frozenset({"Decrypting", "Use", "Grantable", "Any"}),
    "ReEncryptFrom": frozenset({"Decrypting", "Use", "Grantable", "Any"}),
    "DescribeKey": frozenset({"Read", "Grantable", "Any"}),
    "GetKeyPolicy": frozenset({"Read", "Any"}),
    "ListKeys": frozenset({"Read", "Any"}),
    "EnableKey": frozenset({"Admin", "Any"}),
    "CreateAlias": frozenset({"Admin", "Any"}),
    "ScheduleKeyDeletion": frozenset({"Delete", "Any"}),
    "PutKeyPolicy": frozenset({"Policy", "Any"}),
    "TagResource": frozenset({"Tagging", "Any"}),
    "CreateKey": frozenset({"Create", "Any"}),
    "ReplicateKey": frozenset({"Replicate", "Any"}),
    "UpdatePrimaryRegion": frozenset({"Replicate", "Any"}),
    "CreateGrant": frozenset({"Grants", "Grantable", "Any"}),
    "RetireGrant": frozenset({"Grants", "Grantable", "Any"}),
}
CIPHER = frozenset({"Encrypt", "Decrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo"})
"""Operations that a grant's constraint is held against."""

ENTITY_MAPS = {"encryptionContext": "KMS::EncryptionContext", "requestTags": "KMS::RequestTags"}


@dataclass(frozen=True)
class Scope:
    """One line of a policy's head. `op` is "any", "==", "in", "is" or "is in"."""

    op: str = "any"
    kind: str = ""
    names: tuple[Uid, ...] = ()


@dataclass(frozen=True)
class NaivePolicy:
    name: str
    layer: str
    effect: str
    principal: Scope = Scope()
    action: Scope = Scope()
    resource: Scope = Scope()
    conditions: tuple[tuple[str, Expr], ...] = ()
    account: str = ""
    foreign: bool = False
    delegates: bool = False
    """A key's own policy that leaves its actions to the account, and does nothing else."""


@dataclass(frozen=True)
class Place:
    """A resource that is no key: one account in one Region, or an alias in it."""

    account: str
    region: str
    alias: str = ""


@dataclass(frozen=True)
class Asked:
    """One request. Times are datetimes, sets are frozensets; tag maps are dicts."""

    principal: Principal
    action: str
    resource: Key | Place
    context: Mapping[str, Any]
    request: Mapping[str, Any]
    grants: tuple[Grant, ...] = ()
    """Every grant on the key, whoever it is to; for RetireGrant the one that is to end."""
    new_grant: Grant | None = None
    units: Mapping[str, tuple[str, ...]] | None = None
    labels: Mapping[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class Answer:
    allowed: bool
    ids: tuple[str, ...]
    errors: int


def naive_decision(policies: Sequence[NaivePolicy], key_policies: Sequence[NaivePolicy], asked: Asked) -> Answer:
    """The decision on a request, given the policies of files and those of the key that is asked for."""
    caller, owner = asked.principal.account, asked.resource.account
    left = leaves(asked.resource, key_policies, asked.action)
    key_policies = [p for p in key_policies if not p.delegates]
    forbids = [p for p in policies if p.effect == "forbid" and (p.layer == "guardrail" or _reaches(p, owner))]
    if caller == owner:
        domestic = [p for p in policies if p.layer == "account" and p.effect == "permit" and not p.foreign and _reaches(p, owner)]
        permits = domestic if left else []
        return _answer([*forbids, *permits, *key_policies], asked, gate=True)
    owners_side = _answer([*forbids, *key_policies], asked, gate=True)
    if not owners_side.allowed:
        return owners_side
    abroad = [p for p in policies if p.foreign and p.account == caller]
    callers_side = _answer([*forbids, *abroad], asked, gate=False)
    if not callers_side.allowed:
        return callers_side
    return Answer(True, tuple(sorted({*owners_side.ids, *callers_side.ids})), 0)


def leaves(resource: Key | Place, key_policies: Sequence[NaivePolicy], action: str) -> bool:
    """Whether the account's permits count: everywhere but on keys, on keys that leave everything to it, and for what others leave to it."""
    if not isinstance(resource, Key) or resource.account_delegation:
        return True
    return any(p.delegates and _speaks_of(p.action, action) for p in key_policies)


def _speaks_of(scope: Scope, action: str) -> bool:
    actions = {name.name for name in scope.names}
    if scope.op == "==":
        return action in actions
    return scope.op != "in" or not actions.isdisjoint(GROUPS_OF[action] | {action})


def _reaches(policy: NaivePolicy, account: str) -> bool:
    """Account policies stay in their account; those of a unit name none, and their scope says whom they reach."""
    return policy.layer == "account" and policy.account in ("", account)


def _answer(policies: Iterable[NaivePolicy], asked: Asked, *, gate: bool) -> Answer:
    world, permits, forbids, errors = world_of(asked), list[str](), list[str](), 0
    for policy in policies:
        try:
            if _matches(policy, world, asked.action):
                (permits if policy.effect == "permit" else forbids).append(policy.name)
        except CedarError:
            errors += 1
    if gate and isinstance(asked.resource, Key) and live_grants(asked):
        permits.append("builtin.grants")
    allowed = bool(permits) and not forbids and not errors
    return Answer(allowed, tuple(sorted(permits if allowed else forbids)), errors)


def _matches(policy: NaivePolicy, world: World, action: str) -> bool:
    if not _speaks_of(policy.action, action):
        return False
    if not (_in_scope(policy.principal, world, "principal") and _in_scope(policy.resource, world, "resource")):
        return False
    return all(truth_of(body, world) == (kind == "when") for kind, body in policy.conditions)


def _in_scope(scope: Scope, world: World, variable: str) -> bool:
    uid = world.variables[variable]
    if scope.op == "==":
        return bool(uid == scope.names[0])
    if scope.kind and uid.kind != scope.kind:
        return False
    return not scope.names or world.holds(uid, scope.names[0])


# ---- grants


def live_grants(asked: Asked) -> list[Grant]:
    """The grants that admit the request."""
    if asked.action not in GROUPS_OF or "Grantable" not in GROUPS_OF[asked.action]:
        return []
    return [grant for grant in asked.grants if _admits(grant, asked)]


def _admits(grant: Grant, asked: Asked) -> bool:
    is_grantee = is_meant(grant.grantee_principal, asked.principal, grant.account)
    if asked.action == "RetireGrant":
        # The retiring principal needs no operation; the grantee needs RetireGrant among his.
        return is_meant(grant.retiring_principal, asked.principal, grant.account) or (is_grantee and "RetireGrant" in grant.operations)
    if not is_grantee or asked.action not in grant.operations:
        return False
    if asked.action == "CreateGrant":
        return asked.new_grant is not None and _narrower(asked.new_grant, grant)
    return asked.action not in CIPHER or _constraint_met(grant, asked.context["encryptionContext"])


def is_meant(named: str, principal: Principal, account: str) -> bool:
    """Whether a grant on a key of this account names the caller; an account as such is meant for callers from abroad alone."""
    if named == principal.arn:
        return True
    return principal.account != account and named in (principal.account, f"arn:aws:iam::{principal.account}:root")


def _constraint_met(grant: Grant, context: Mapping[str, str]) -> bool:
    wanted = dict(grant.constraint)
    if grant.constraint_type == "EncryptionContextEquals":
        return wanted == dict(context)
    return grant.constraint_type == "" or wanted.items() <= dict(context).items()


def _narrower(child: Grant, parent: Grant) -> bool:
    if not child.operations <= parent.operations:
        return False
    if parent.constraint_type == "":
        return True
    if parent.constraint_type == "EncryptionContextEquals":
        return child.constraint_type == parent.constraint_type and dict(child.constraint) == dict(parent.constraint)
    return child.constraint_type != "" and dict(parent.constraint).items() <= dict(child.constraint).items()


# ---- what the policies see


def world_of(asked: Asked) -> World:
    """Every entity of a request with what it is in."""
    units, labels = asked.units or {}, asked.labels or {}
    principal = Uid(f"KMS::{asked.principal.kind}", f"{asked.principal.account}/{asked.principal.name}")
    resource, attributes, inside = _resource(asked.resource, units, labels)
    context: dict[str, Any] = {"request": {**asked.request, "grants": frozenset(grant.grant_id for grant in live_grants(asked))}}
    tags: dict[Uid, Mapping[str, str]] = {principal: dict(asked.principal.tags)}
    if isinstance(asked.resource, Key):
        tags[resource] = dict(asked.resource.tags)
    for name, value in asked.context.items():
        context[name] = value
        if name in ENTITY_MAPS:
            context[name] = Uid(ENTITY_MAPS[name], "request")
            tags[context[name]] = value
    groups = {Uid("KMS::Group", f"{asked.principal.account}/{group}") for group in asked.principal.groups}
    return World(
        variables={"principal": principal, "resource": resource, "context": context},
        attributes={principal: {"arn": asked.principal.arn, "account": asked.principal.account}, resource: attributes},
        tags=tags,
        containers={principal: frozenset(groups | _account(asked.principal.account, units)), resource: frozenset(inside)},
    )


def _account(account: str, units: Mapping[str, tuple[str, ...]]) -> set[Uid]:
    return {Uid("KMS::Account", account), *(Uid("KMS::OrgUnit", unit) for unit in units.get(account, ()))}


def _resource(resource: Key | Place, units: Mapping[str, Any], labels: Mapping[str, Any]) -> tuple[Uid, dict[str, Any], set[Uid]]:
    account, region = resource.account, resource.region
    inside, own = _account(account, units), {"account": account, "region": region}
    here = Uid("KMS::Scope", f"{account}/{region}")
    if isinstance(resource, Key):
        uid = Uid("KMS::Key", f"{account}/{region}/{resource.key_id}")
        inside |= {here, *(path for alias in resource.aliases for path in _paths(account, alias))}
        if resource.multi_region:
            inside.add(Uid("KMS::KeyFamily", f"{account}/{resource.key_id}"))
        return uid, _key_attributes(resource, labels), inside
    if resource.alias:
        return (
            Uid("KMS::Alias", f"{account}/{region}/{resource.alias}"),
            {**own, "name": resource.alias},
            inside | {here, *_paths(account, resource.alias)},
        )
    return here, {**own, "regionLabels": frozenset(labels.get(region, ()))}, inside


def _paths(account: str, alias: str) -> set[Uid]:
    steps = alias.split("/")
    return {Uid("KMS::AliasPath", f"{account}/{'/'.join(steps[: at + 1])}") for at in range(len(steps))}


def _key_attributes(key: Key, labels: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "arn": f"arn:aws:kms:{key.region}:{key.account}:key/{key.key_id}",
        "account": key.account,
        "region": key.region,
        "regionLabels": frozenset(labels.get(key.region, ())),
        "keySpec": key.key_spec.value,
        "keyUsage": key.key_usage.value,
        "keyOrigin": key.origin.value,
        "keyState": key.state.value,
        "multiRegion": key.multi_region is not None,
        "replicaRegions": frozenset(),
        "resourceAliases": frozenset(key.aliases),
        "accountDelegation": key.account_delegation,
    }
    if key.multi_region is not None:
        is_primary = key.multi_region.primary_region == key.region
        made["multiRegionKeyType"] = "PRIMARY" if is_primary else "REPLICA"
        made["primaryRegion"] = key.multi_region.primary_region
        made["replicaRegions"] = frozenset(key.multi_region.replica_regions if is_primary else ())
    return made


# ---- as text


def policy_text(policy: NaivePolicy, *, annotated: bool = True) -> str:
    """The policy as an author would write it; key policies carry no more than their id."""
    notes = {"id": policy.name.rpartition("/")[2]}
    if annotated:
        notes |= {"layer": policy.layer, "reason": "tried"}
        if policy.foreign:
            notes |= {"foreign": "true", "account": policy.account}
    if policy.delegates:
        notes["account_delegation"] = "true"
    head = " ".join(f"@{name}({quoted(value)})" for name, value in notes.items())
    scopes = ", ".join(_scope_text(name, getattr(policy, name)) for name in ("principal", "action", "resource"))
    conditions = " ".join(f"{kind} {{ {text_of(body)} }}" for kind, body in policy.conditions)
    conditions = "when { false }" if policy.delegates else conditions
    return f"{head} {policy.effect} ({scopes}) {conditions};"


def _scope_text(variable: str, scope: Scope) -> str:
    names = [f"{uid.kind}::{quoted(uid.name)}" for uid in scope.names]
    if scope.op == "any":
        return variable
    if variable == "action" and scope.op == "in":
        return f"action in [{', '.join(names)}]"
    if scope.op in ("is", "is in"):
        return f"{variable} is {scope.kind}" + (f" in {names[0]}" if names else "")
    return f"{variable} {scope.op} {names[0]}"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text)
