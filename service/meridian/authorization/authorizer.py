"""May this caller do this to that? One decision over every layer, fail closed.

A decision is remembered under exactly what its slice reads: the slice itself, the caller, the version of the resource with its
surroundings, and each context value in the read set. Never remembered: a fault, and anything that depends on time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

from meridian.authorization.entities import (
    Resource,
    Surroundings,
    account_entities,
    principal_ancestors,
    principal_entities,
    principal_uid,
    resource_ancestors,
    resource_entities,
    resource_uid,
)
from meridian.authorization.evaluator import EntityHandle, SchemaHandle, Uid
from meridian.authorization.facts import Facts
from meridian.authorization.key_policies import KeyPolicyReader
from meridian.authorization.narrowing import Caller, narrowed
from meridian.authorization.policies import ACCOUNT, BUILTIN, GUARDRAIL, Policy, matches_action, matches_resource, uid
from meridian.authorization.policy_files import PolicySource
from meridian.authorization.question import Question
from meridian.authorization.request_context import read_values
from meridian.authorization.schema_model import SchemaModel
from meridian.authorization.slices import CompiledSlice, SliceCompiler
from meridian.domain.call import PolicyDecision, Principal
from meridian.domain.fault_places import fault_text
from meridian.domain.key import Key
from meridian.domain.limits import Limits
from meridian.errors import MalformedPolicyDocumentException

SLICES_MAX: Final = 20_000
NARROWED_MAX: Final = 50_000
BASES_MAX: Final = 4_000
DECISIONS_MAX: Final = 50_000

LOCKED_OUT: Final = "The new key policy will not allow you to update the key policy in the future."

OWN, KEY_SIDE, CALLER_SIDE = "own", "key side", "caller side"


class Authorizer:
    """Decides with the Region's policies, the key's policy and the built-in layer."""

    def __init__(self, *, schema_text: str, source: PolicySource, around: Surroundings, limits: Limits) -> None:
        self._model = SchemaModel(schema_text)
        self._reader = KeyPolicyReader(SchemaHandle(schema_text), self._model, limits)
        self._source = source
        self._around = around
        self._compiler = SliceCompiler(self._model)
        self._slices: OrderedDict[tuple[Any, ...], tuple[Policy, ...]] = OrderedDict()
        self._narrowed: OrderedDict[tuple[Any, ...], tuple[CompiledSlice, Principal]] = OrderedDict()
        self._bases: OrderedDict[tuple[Any, ...], EntityHandle] = OrderedDict()
        self._decisions: OrderedDict[tuple[Any, ...], tuple[PolicyDecision, CompiledSlice, Principal]] = OrderedDict()
        self._retired: list[OrderedDict[Any, Any]] = []

    def use(self, source: PolicySource) -> None:
        """Decide with other policies from now on: nothing that was remembered under the old ones is used again."""
        self._retired += [OrderedDict(enumerate(self._source.policies)), *self._compiler.caches]
        self._retired += [self._slices, self._narrowed, self._bases, self._decisions]
        self._source, self._compiler = source, SliceCompiler(self._model, parses=self._compiler.parses)
        self._slices, self._narrowed, self._bases, self._decisions = OrderedDict(), OrderedDict(), OrderedDict(), OrderedDict()

    def release(self, most: int) -> bool:
        """Free some of what was remembered under earlier policies; all at once would stall the calls. False when nothing is left."""
        for _ in range(most):
            while self._retired and not self._retired[-1]:
                self._retired.pop()
            if not self._retired:
                return False
            self._retired[-1].popitem()
        return True

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The live policies of the files."""
        return self._source.policies

    def policies_about(self, account: str) -> tuple[Policy, ...]:
        """The live policies of the files that may have a word in calls of this account: those of the Region, of the account itself, and
        of the units around it."""
        containers = frozenset((e["uid"]["type"], e["uid"]["id"]) for e in account_entities(account, self._around))
        return tuple(p for p in self._source.policies if p.layer != ACCOUNT or p.account == account or _is_around(p, containers))

    @property
    def digest(self) -> str:
        """Digest of the live policy files."""
        return self._source.digest

    @property
    def parses(self) -> int:
        """How many policy sets were parsed."""
        return self._compiler.parses

    @property
    def model(self) -> SchemaModel:
        return self._model

    def decide(self, principal: Principal, action: str, resource: Resource, facts: Facts) -> PolicyDecision:
        """The decision, with the policies that made it. Never raises.

        A caller of another account needs both sides: the key's policy or a grant, and a permit of his own account.
        """
        if principal.account == resource.account:
            return self._side(OWN, principal, action, resource, facts)
        key_side = self._side(KEY_SIDE, principal, action, resource, facts)
        if not key_side.allowed:
            return key_side
        caller_side = self._side(CALLER_SIDE, principal, action, resource, facts)
        ids = tuple(sorted({*key_side.policy_ids, *caller_side.policy_ids})) if caller_side.allowed else caller_side.policy_ids
        return PolicyDecision(action, resource.arn, caller_side.allowed, ids, caller_side.errors, caller_side.fault)

    def question(self, principal: Principal, action: str, resource: Resource, facts: Facts) -> Question:
        """The question that settles the decision, open for asking about single policies: across accounts the caller's side where the
        key's side allows. Raises: MalformedPolicyDocumentException, ValueError where the slice or its entities cannot be built.
        """
        side = OWN
        if principal.account != resource.account:
            side = CALLER_SIDE if self._side(KEY_SIDE, principal, action, resource, facts).allowed else KEY_SIDE
        compiled = self._compile(side, principal, action, resource)
        return Question(compiled, self._base(compiled, principal, resource, remember=False), principal, resource, facts)

    def policies_for(self, principal: Principal, resource: Resource) -> tuple[Policy, ...]:
        """Every policy that may have a word in calls of this caller on this resource, on either side."""
        sides = (OWN,) if principal.account == resource.account else (KEY_SIDE, CALLER_SIDE)
        return tuple(policy for side in sides for policy in self._policies(side, principal, resource))

    def require_key_policy(self, principal: Principal, future: Key, facts: Facts, *, bypass_lockout_check: bool) -> None:
        """Refuse a key policy that may not be stored, or that would lock its caller out.

        Raises: MalformedPolicyDocumentException, LimitExceededException.
        """
        self._reader.require_valid(future)
        if bypass_lockout_check:
            return
        compiled = self._compile(OWN, principal, "PutKeyPolicy", future)
        question = Question(compiled, self._base(compiled, principal, future, remember=False), principal, future, facts)
        decided = question.decide()
        if not decided.allowed:
            reason = f"the policies could not be evaluated: {decided.fault}" if decided.errors else ""
            raise MalformedPolicyDocumentException(LOCKED_OUT, reason=reason)

    # ---- one side of a decision

    def _side(self, side: str, principal: Principal, action: str, resource: Resource, facts: Facts) -> PolicyDecision:
        try:
            return self._of_side(side, principal, action, resource, facts)
        except Exception as error:
            return PolicyDecision(action, resource.arn, False, (), 1, fault_text(error))

    def _of_side(self, side: str, principal: Principal, action: str, resource: Resource, facts: Facts) -> PolicyDecision:
        name = (side, principal.account if side == CALLER_SIDE else "", action, *_version(resource))
        compiled = self._slice(name, side, principal, action, resource, has_grants=bool(facts.request_attribute("grants")))
        remembered = None if compiled.is_timelike else (id(compiled), id(principal), name, *read_values(compiled, facts))
        if remembered is not None:
            known = self._decisions.get(remembered)
            if known is not None:
                return known[0]
        base = self._base(compiled, principal, resource, remember=True)
        decided = Question(compiled, base, principal, resource, facts).decide()
        made = PolicyDecision(action, resource.arn, decided.allowed, decided.policy_ids, decided.errors, decided.fault)
        if remembered is not None and not made.errors:
            # Slice and caller are kept with the decision, so that their identities cannot pass to others.
            _keep(self._decisions, remembered, (made, compiled, principal), DECISIONS_MAX)
        return made

    def _slice(
        self, name: tuple[Any, ...], side: str, principal: Principal, action: str, resource: Resource, *, has_grants: bool
    ) -> CompiledSlice:
        """The slice for this resource, narrowed to this caller."""
        own = (name, id(principal), has_grants)
        known = self._narrowed.get(own)
        if known is not None:
            return known[0]
        members = self._slices.get(name)
        if members is None:
            members = self._members(side, principal, action, resource)
            _keep(self._slices, name, members, SLICES_MAX)
        caller = Caller(principal, principal_uid(principal), principal_ancestors(principal, self._around), has_grants)
        compiled = self._compiler.compile(action, narrowed(members, caller))
        # The caller is kept with it, so that his identity cannot pass to another.
        _keep(self._narrowed, own, (compiled, principal), NARROWED_MAX)
        return compiled

    def _compile(self, side: str, principal: Principal, action: str, resource: Resource) -> CompiledSlice:
        """The whole slice, for questions that ask about single policies."""
        return self._compiler.compile(action, self._members(side, principal, action, resource))

    def _members(self, side: str, principal: Principal, action: str, resource: Resource) -> tuple[Policy, ...]:
        own, ancestors = resource_uid(resource), resource_ancestors(resource, self._around)
        groups = self._model.ancestors[action]
        return tuple(
            policy
            for policy in self._policies(side, principal, resource)
            if matches_action(policy.est, groups, action) and matches_resource(policy.est, own, ancestors)
        )

    def _policies(self, side: str, principal: Principal, resource: Resource) -> Iterable[Policy]:
        for policy in self._source.policies:
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
        if side != CALLER_SIDE and isinstance(resource, Key):
            yield from self._reader.read(resource)

    def _base(self, compiled: CompiledSlice, principal: Principal, resource: Resource, *, remember: bool) -> EntityHandle:
        name = (compiled.schema, principal, *_version(resource))
        known = self._bases.get(name) if remember else None
        if known is not None:
            return known
        entities = [*principal_entities(principal, self._around), *resource_entities(resource, self._around)]
        unique = {(e["uid"]["type"], e["uid"]["id"]): e for e in entities}
        made = EntityHandle.build(unique.values(), compiled.schema)
        if remember:
            _keep(self._bases, name, made, BASES_MAX)
        return made


def _is_around(policy: Policy, containers: frozenset[Uid]) -> bool:
    """Whether a policy of no single account is one of these units."""
    scope = policy.est["resource"]
    inside = scope.get("entity") or scope.get("in", {}).get("entity")
    return not policy.account and inside is not None and uid(inside) in containers


def _version(resource: Resource) -> tuple[Any, ...]:
    """What tells two versions of a resource apart; a prospective key is all of its values."""
    if isinstance(resource, Key):
        return (resource,) if resource.key_id.startswith("(") else (resource.region, *resource.cache_identity)
    return (resource,)


def _keep(cache: OrderedDict[tuple[Any, ...], Any], name: tuple[Any, ...], value: Any, most: int) -> None:
    cache[name] = value
    if len(cache) > most:
        cache.popitem(last=False)
