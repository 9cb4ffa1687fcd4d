"""The policies in force, what is remembered under them, and which of them have a word on one side of a decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from sys import getsizeof
from typing import Any, Final
from weakref import ReferenceType, ref

from meridian.authorization.decision.slices import CompiledSlice, SliceCompiler
from meridian.authorization.language.entities import Resource
from meridian.authorization.language.evaluator import EntityHandle, Uid
from meridian.authorization.language.policies import ACCOUNT, BUILTIN, GUARDRAIL, KEY, Policy, matches_action, uid
from meridian.authorization.sets.policy_files import PolicySource
from meridian.domain.bounded_cache import BoundedCache, Caches, nobody
from meridian.domain.cache_entries import Entry, Owner, key_owner
from meridian.domain.key import PROSPECTIVE_KEY_ID, Key
from meridian.domain.policy_decision import PolicyDecision
from meridian.domain.principal import Principal
from meridian.domain.weights import deep_bytes

OWN, KEY_SIDE, CALLER_SIDE = "own", "key side", "caller side"

READ_MAX: Final = 20_000
"""Keys whose policies are kept in their parsed form, each for everything that holds any of them: it leaves with them."""
SLICES_MAX: Final = 20_000
NARROWED_MAX: Final = 50_000
BASES_MAX: Final = 4_000
DECISIONS_MAX: Final = 50_000

Name = tuple[Any, ...]

PRINCIPAL_BYTES: Final = 800
PRINCIPAL_TEXT_BYTES: Final = 120
"""Of a caller for each of his groups and twice for each of his tags; decisions are too many for measuring him each time."""
DECISION_BYTES: Final = 500
OF_A_KEY: Final = 9
"""How many parts the name of an action on a version of a key has."""
OF_A_KEY_BYTES: Final = 700
"""Of such a name, whose parts differ little in their size."""


@dataclass(slots=True, eq=False)
class Narrowed:
    """A slice that was narrowed to a caller, who is kept with it, so that his identity cannot pass to another."""

    compiled: ReferenceType[CompiledSlice]
    principal: Principal
    relied_on: tuple[ReferenceType[Entry], ...]
    """What keeps the slice, and what it holds."""
    last: PolicyDecision | None = None

    def use(self) -> None:
        """Say that it was asked for, so that what it relies on does not leave as something that nobody asks for."""
        for held in self.relied_on:
            entry = held()
            if entry is not None:
                entry.is_used = True

    def one_of_alike(self, made: PolicyDecision) -> PolicyDecision:
        """The last decision, where this one came out as it did: what is kept by the identity of a decision, as its part of records, is
        found again although the question was new."""
        if self.last != made:
            self.last = made
        return self.last


class LivePolicies:
    """One set of policies, and all that is remembered under it."""

    def __init__(self, source: PolicySource, compiler: SliceCompiler, caches: Caches) -> None:
        self.source = source
        self.compiler = compiler
        self.read: BoundedCache[Name, tuple[Policy, ...]] = BoundedCache(
            caches, "policies", most=READ_MAX, weigh=_policies_bytes, left=self._forget_policies
        )
        self.members: BoundedCache[Name, tuple[Policy, ...]] = BoundedCache(
            caches, "members", most=SLICES_MAX, weigh=_members_bytes, left=nobody
        )
        self.narrowed: BoundedCache[Name, Narrowed] = BoundedCache(
            caches, "narrowed", most=NARROWED_MAX, weigh=_narrowed_bytes, left=nobody
        )
        self.bases: BoundedCache[Name, EntityHandle] = BoundedCache(caches, "entities", most=BASES_MAX, weigh=deep_bytes, left=nobody)
        self.decisions: BoundedCache[Name, tuple[PolicyDecision, Principal]] = BoundedCache(
            caches, "decisions", most=DECISIONS_MAX, weigh=_decision_bytes, left=nobody
        )

    def take_policies(self, key: Key, made: tuple[Policy, ...], account: str) -> None:
        """Keep a key's policies, read for a caller of this account. What was made of them before is of no use: they are others now, if
        only by identity."""
        owner = policy_owner(key.account, key.key_id)
        self.read.forget(owner)
        self.read.keep(policies_name(key), made, (owner,), account)

    def keep_members(self, name: Name, members: tuple[Policy, ...], resource: Resource, account: str) -> None:
        """Keep what can matter for an action on a resource."""
        if self._are_kept(members, resource):
            self.members.keep(name, members, (*owners_of(resource), *_owners_of_policies(members, resource)), account)

    def keep_slice(self, compiled: CompiledSlice, resource: Resource, account: str) -> None:
        """Keep a slice that was made for a resource."""
        if self._are_kept(compiled.members, resource):
            self.compiler.keep(compiled, _owners_of_policies(compiled.members, resource), account)

    def narrowed_to(self, principal: Principal, compiled: CompiledSlice, resource: Resource) -> Narrowed:
        """What is to be remembered of a slice for this caller and this resource."""
        policies = self.read.entry(policies_name(resource)) if isinstance(resource, Key) and resource.policy else None
        held = (*self.compiler.entries(compiled), policies)
        return Narrowed(ref(compiled), principal, tuple(ref(entry) for entry in held if entry is not None))

    def _are_kept(self, policies: Iterable[Policy], resource: Resource) -> bool:
        """Whether those of the key are the ones that are counted: they may have left while something was made of them."""
        if not isinstance(resource, Key):
            return True
        known = self.read.get(policies_name(resource)) or ()
        return {policy for policy in policies if policy.layer == KEY} <= set(known)

    def _forget_policies(self, name: Name) -> None:
        _, account, key_id, _ = name
        owner = policy_owner(account, key_id)
        self.members.forget(owner)
        self.compiler.forget(owner)

    def retire(self) -> list[dict[Any, Any]]:
        """Keep nothing any more: what was kept, to be freed piece by piece."""
        caches: list[BoundedCache[Any, Any]] = [
            *self.compiler.caches, self.read, self.members, self.narrowed, self.bases, self.decisions,
        ]  # fmt: skip
        return [dict(enumerate(self.source.policies)), *(part for cache in caches for part in cache.retire())]


def owners_of(resource: Resource) -> tuple[Owner, ...]:
    """Whose change makes what is remembered about a resource useless."""
    return (key_owner(resource.account, resource.key_id),) if isinstance(resource, Key) else ()


def version_of(resource: Resource) -> Name:
    """What tells two versions of a resource apart; a prospective key is all of its values."""
    if isinstance(resource, Key):
        return (resource,) if resource.key_id == PROSPECTIVE_KEY_ID else (resource.region, *resource.cache_identity)
    return (resource,)


def policies_name(key: Key) -> Name:
    """What a key's policies are kept under."""
    return (key.region, key.account, key.key_id, key.policy)


def policy_owner(account: str, key_id: str) -> Owner:
    """Whose change makes a key's own policies useless: not that of the key, most of whose changes leave its policies as they are."""
    return ("policies", account, key_id)


def _owners_of_policies(policies: Iterable[Policy], resource: Resource) -> tuple[Owner, ...]:
    if not isinstance(resource, Key) or all(policy.layer != KEY for policy in policies):
        return ()
    return (policy_owner(resource.account, resource.key_id),)


def _policies_bytes(name: Name, policies: tuple[Policy, ...]) -> int:
    return deep_bytes(name) + sum(policy.weight for policy in policies) + getsizeof(policies)


def _members_bytes(name: Name, members: tuple[Policy, ...]) -> int:
    """Without the policies: a key's own are counted where they are read, and those of the files all share."""
    return deep_bytes(name) + getsizeof(members)


def _principal_bytes(principal: Principal) -> int:
    return PRINCIPAL_BYTES + PRINCIPAL_TEXT_BYTES * (len(principal.groups) + 2 * len(principal.tags))


def _narrowed_bytes(name: Name, kept: Narrowed) -> int:
    return deep_bytes(name) + _principal_bytes(kept.principal) + getsizeof(kept.relied_on) + DECISION_BYTES


def _decision_bytes(name: Name, kept: tuple[PolicyDecision, Principal]) -> int:
    """A decision is weighed while its caller waits: what differs little is not measured."""
    _, _, action_on, *values = name
    named = OF_A_KEY_BYTES if len(action_on) == OF_A_KEY else deep_bytes(action_on)
    return DECISION_BYTES + named + deep_bytes(*values) + _principal_bytes(kept[1])


def sides_of(principal: Principal, resource: Resource) -> tuple[str, ...]:
    """Every side that must allow: a caller of another account needs two."""
    return (OWN,) if principal.account == resource.account else (KEY_SIDE, CALLER_SIDE)


def policies_of_side(
    policies: Iterable[Policy], side: str, principal: Principal, own: tuple[Policy, ...], *, delegated: bool
) -> Iterable[Policy]:
    """The policies that have a word on one side, those of the key itself at the end. `delegated`: one of these leaves the action to the
    account, whose permits then count whatever the key does with other actions."""
    for policy in policies:
        if policy.layer == ACCOUNT and policy.is_permit:
            if side == OWN and policy.foreign:
                continue
            if side == KEY_SIDE:
                continue
            if side == CALLER_SIDE and not (policy.foreign and policy.account == principal.account):
                continue
        if side == CALLER_SIDE and policy.layer == BUILTIN:
            continue
        if policy.layer in (ACCOUNT, GUARDRAIL, BUILTIN):
            yield policy.where_delegated or policy if delegated and side == OWN else policy
    if side != CALLER_SIDE:
        yield from (policy for policy in own if not policy.delegates)


def leaves_to_account(own: tuple[Policy, ...], groups: frozenset[str], action: str) -> bool:
    """Whether one of a key's own policies leaves an action, which is in these groups, to the key's account."""
    return any(policy.delegates and matches_action(policy.est, groups, action) for policy in own)


def account_counts(live: LivePolicies, resource: Resource, groups: frozenset[str], action: str) -> bool:
    """Whether the policies of the account count for an action, which is in these groups, as its last decision read the key's own."""
    if not isinstance(resource, Key) or resource.account_delegation:
        return True
    return leaves_to_account(live.read.get(policies_name(resource)) or (), groups, action)


def is_around(policy: Policy, containers: frozenset[Uid]) -> bool:
    """Whether a policy of no single account is one of these units."""
    scope = policy.est["resource"]
    inside = scope.get("entity") or scope.get("in", {}).get("entity")
    return not policy.account and inside is not None and uid(inside) in containers
