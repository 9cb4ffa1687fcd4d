"""The policies in force, what is remembered under them, and which of them have a word on one side of a decision."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from meridian.authorization.evaluator import EntityHandle, Uid
from meridian.authorization.policies import ACCOUNT, BUILTIN, GUARDRAIL, Policy, uid
from meridian.authorization.policy_files import PolicySource
from meridian.authorization.slices import CompiledSlice, SliceCompiler
from meridian.domain.call import PolicyDecision, Principal

OWN, KEY_SIDE, CALLER_SIDE = "own", "key side", "caller side"


class LivePolicies:
    """One set of policies, and all that is remembered under it."""

    def __init__(self, source: PolicySource, compiler: SliceCompiler) -> None:
        self.source = source
        self.compiler = compiler
        self.read: OrderedDict[tuple[Any, ...], tuple[Policy, ...]] = OrderedDict()
        self.slices: OrderedDict[tuple[Any, ...], tuple[Policy, ...]] = OrderedDict()
        self.narrowed: OrderedDict[tuple[Any, ...], tuple[CompiledSlice, Principal]] = OrderedDict()
        self.bases: OrderedDict[tuple[Any, ...], EntityHandle] = OrderedDict()
        self.decisions: OrderedDict[tuple[Any, ...], tuple[PolicyDecision, CompiledSlice, Principal]] = OrderedDict()

    @property
    def caches(self) -> list[OrderedDict[Any, Any]]:
        policies: OrderedDict[Any, Any] = OrderedDict(enumerate(self.source.policies))
        return [policies, *self.compiler.caches, self.read, self.slices, self.narrowed, self.bases, self.decisions]


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
