"""The policies in force, what is remembered under them, and which of them have a word on one side of a decision."""

from __future__ import annotations

from collections.abc import Iterable
from sys import getsizeof
from typing import Any, Final
from weakref import ReferenceType

from meridian.authorization.entities import Resource
from meridian.authorization.evaluator import EntityHandle, Uid
from meridian.authorization.policies import ACCOUNT, BUILTIN, GUARDRAIL, Policy, uid
from meridian.authorization.policy_files import PolicySource
from meridian.authorization.slices import CompiledSlice, SliceCompiler
from meridian.domain.bounded_cache import BoundedCache, Caches, Owner, key_owner, nobody
from meridian.domain.call import PolicyDecision, Principal
from meridian.domain.key import Key
from meridian.domain.weights import deep_bytes

OWN, KEY_SIDE, CALLER_SIDE = "own", "key side", "caller side"

READ_MAX: Final = 512
"""Key policies kept in their parsed form, beside those that slices hold."""
SLICES_MAX: Final = 20_000
NARROWED_MAX: Final = 50_000
BASES_MAX: Final = 4_000
DECISIONS_MAX: Final = 50_000

Name = tuple[Any, ...]

PRINCIPAL_BYTES: Final = 800
PRINCIPAL_TEXT_BYTES: Final = 120
"""Of a caller for each of his groups and twice for each of his tags; decisions are too many for measuring him each time."""
DECISION_BYTES: Final = 500


class LivePolicies:
    """One set of policies, and all that is remembered under it."""

    def __init__(self, source: PolicySource, compiler: SliceCompiler, caches: Caches) -> None:
        self.source = source
        self.compiler = compiler
        self.read: BoundedCache[Name, tuple[Policy, ...]] = BoundedCache(
            caches, "policies", most=READ_MAX, weigh=_members_bytes, left=nobody
        )
        self.members: BoundedCache[Name, tuple[Policy, ...]] = BoundedCache(
            caches, "members", most=SLICES_MAX, weigh=_members_bytes, left=nobody
        )
        self.narrowed: BoundedCache[Name, tuple[ReferenceType[CompiledSlice], Principal]] = BoundedCache(
            caches, "narrowed", most=NARROWED_MAX, weigh=_narrowed_bytes, left=nobody
        )
        self.bases: BoundedCache[Name, EntityHandle] = BoundedCache(caches, "entities", most=BASES_MAX, weigh=deep_bytes, left=nobody)
        self.decisions: BoundedCache[Name, tuple[PolicyDecision, Principal]] = BoundedCache(
            caches, "decisions", most=DECISIONS_MAX, weigh=_decision_bytes, left=nobody
        )

    def take_policies(self, resource: Resource, name: Name, made: tuple[Policy, ...]) -> None:
        """Keep a key's policies. What was read or compiled of them before is of no use: they are others now, if only by identity."""
        for owner in policy_owners(resource):
            self.read.forget(owner)
            self.compiler.forget(owner)
        self.read.keep(name, made, policy_owners(resource))

    def retire(self) -> list[dict[Any, Any]]:
        """Keep nothing any more: what was kept, to be freed piece by piece."""
        caches: list[BoundedCache[Any, Any]] = [
            *self.compiler.caches, self.read, self.members, self.narrowed, self.bases, self.decisions,
        ]  # fmt: skip
        return [dict(enumerate(self.source.policies)), *(part for cache in caches for part in cache.retire())]


def owners_of(resource: Resource) -> tuple[Owner, ...]:
    """Whose change makes what is remembered about a resource useless."""
    return (key_owner(resource.account, resource.key_id),) if isinstance(resource, Key) else ()


def policy_owners(resource: Resource) -> tuple[Owner, ...]:
    """Whose change makes a key's own policies useless: not that of the key, most of whose changes leave its policies as they are."""
    return (("policies", resource.account, resource.key_id),) if isinstance(resource, Key) else ()


def _members_bytes(name: Name, members: tuple[Policy, ...]) -> int:
    """Without the policies of the files, which all share."""
    return deep_bytes(name) + sum(policy.weight for policy in members) + getsizeof(members)


def _principal_bytes(principal: Principal) -> int:
    return PRINCIPAL_BYTES + PRINCIPAL_TEXT_BYTES * (len(principal.groups) + 2 * len(principal.tags))


def _narrowed_bytes(name: Name, kept: tuple[ReferenceType[CompiledSlice], Principal]) -> int:
    return deep_bytes(name) + _principal_bytes(kept[1])


def _decision_bytes(name: Name, kept: tuple[PolicyDecision, Principal]) -> int:
    return DECISION_BYTES + deep_bytes(name) + _principal_bytes(kept[1])


def policies_of_side(live: LivePolicies, side: str, principal: Principal, own: tuple[Policy, ...]) -> Iterable[Policy]:
    """The policies that have a word on one side, those of the key itself at the end."""
    for policy in live.source.policies:
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
            yield policy
    if side != CALLER_SIDE:
        yield from own


def is_around(policy: Policy, containers: frozenset[Uid]) -> bool:
    """Whether a policy of no single account is one of these units."""
    scope = policy.est["resource"]
    inside = scope.get("entity") or scope.get("in", {}).get("entity")
    return not policy.account and inside is not None and uid(inside) in containers
