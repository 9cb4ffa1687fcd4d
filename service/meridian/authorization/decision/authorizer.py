"""May this caller do this to that? One decision over every layer, fail closed.

A decision is remembered under exactly what its slice reads: the slice itself, the caller, the version of the resource with its
surroundings, and each context value in the read set. Never remembered: a fault, and anything that depends on time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from meridian.authorization.decision.deciding import Build, Deciding, finished
from meridian.authorization.decision.facts import Facts
from meridian.authorization.decision.live_policies import (
    CALLER_SIDE,
    KEY_SIDE,
    OWN,
    LivePolicies,
    Narrowed,
    account_counts,
    is_around,
    leaves_to_account,
    owners_of,
    policies_name,
    policies_of_side,
    sides_of,
    version_of,
)
from meridian.authorization.decision.narrowing import Caller, narrowed
from meridian.authorization.decision.question import Question
from meridian.authorization.decision.request_context import read_values
from meridian.authorization.decision.slices import CompiledSlice, SliceCompiler
from meridian.authorization.language.entities import (
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
from meridian.authorization.language.evaluator import EntityHandle, SchemaHandle
from meridian.authorization.language.policies import ACCOUNT, Policy, matches_action, matches_resource
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.key_policies import KeyPolicyReader
from meridian.authorization.sets.policy_files import PolicySource
from meridian.domain.bounded_cache import Caches
from meridian.domain.fault_places import fault_text
from meridian.domain.key import Key
from meridian.domain.limits import Limits
from meridian.domain.policy_decision import PolicyDecision, joined
from meridian.domain.principal import Principal
from meridian.errors import MalformedPolicyDocumentException, ThrottlingException

LOCKED_OUT: Final = "The new key policy will not allow you to update the key policy in the future."


class Authorizer:
    """Decides with the Region's policies, the key's policy and the built-in layer. `as_json` makes Cedar's JSON form of a policy text."""

    def __init__(
        self,
        *,
        schema: SchemaHandle,
        source: PolicySource,
        around: Surroundings,
        limits: Limits,
        as_json: Callable[[str], str],
        caches: Caches,
    ) -> None:
        self.schema = schema
        self._model = SchemaModel(schema.text)
        self._reader = KeyPolicyReader(schema, self._model, limits, as_json)
        self._around = around
        self._caches = caches
        self._live = LivePolicies(source, SliceCompiler(self._model, caches), caches)
        self._retired: list[dict[Any, Any]] = []

    def use(self, source: PolicySource) -> None:
        """Decide with other policies from now on: nothing that was remembered under the old ones is used again."""
        self._retired += self._live.retire()
        self._live = LivePolicies(source, SliceCompiler(self._model, self._caches, parses=self._live.compiler.parses), self._caches)

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
        return self._live.source.policies

    def policies_about(self, account: str) -> tuple[Policy, ...]:
        """The live policies of the files that may have a word in calls of this account: those of the Region, of the account itself, and
        of the units around it."""
        containers = frozenset((e["uid"]["type"], e["uid"]["id"]) for e in account_entities(account, self._around))
        return tuple(p for p in self._live.source.policies if p.layer != ACCOUNT or p.account == account or is_around(p, containers))

    @property
    def digest(self) -> str:
        """Digest of the live policy files."""
        return self._live.source.digest

    @property
    def parses(self) -> int:
        """How many policy sets were parsed."""
        return self._live.compiler.parses

    @property
    def model(self) -> SchemaModel:
        return self._model

    def decide(self, principal: Principal, action: str, resource: Resource, facts: Facts) -> PolicyDecision:
        """The decision, with the policies that made it; what it needs is built at once. Never raises."""
        return finished(self.deciding(principal, action, resource, facts))

    def deciding(self, principal: Principal, action: str, resource: Resource, facts: Facts) -> Deciding[PolicyDecision]:
        """The same for an event loop, where nothing may be built. A fault of building may be thrown in, and denies; that there is no
        place to build now, a ThrottlingException, is no fault and comes out again.

        A caller of another account needs both sides: the key's policy or a grant, and a permit of his own account.
        """
        if principal.account == resource.account:
            return self._side(OWN, principal, action, resource, facts)
        return self._both_sides(principal, action, resource, facts)

    def _both_sides(self, principal: Principal, action: str, resource: Resource, facts: Facts) -> Deciding[PolicyDecision]:
        key_side = yield from self._side(KEY_SIDE, principal, action, resource, facts)
        if not key_side.allowed:
            return key_side
        caller_side = yield from self._side(CALLER_SIDE, principal, action, resource, facts)
        return joined(key_side, caller_side) if caller_side.allowed else caller_side

    def account_counts(self, resource: Resource, action: str) -> bool:
        """Whether the policies of the resource's account were asked in the last decision on this action, beside the key's own."""
        return account_counts(self._live, resource, self._model.ancestors[action], action)

    def own_policies(self, resource: Resource) -> tuple[Policy, ...]:
        """The policies of a key itself, read anew, for those below that may be asked in any thread.

        Raises: MalformedPolicyDocumentException, ThrottlingException, KMSInternalException.
        """
        return self._reader.read(resource) if isinstance(resource, Key) else ()

    def decide_anew(self, principal: Principal, action: str, resource: Resource, own: tuple[Policy, ...], facts: Facts) -> PolicyDecision:
        """The same decision, with nothing taken from memory or left there, so that any thread may ask. Never raises."""
        ids: set[str] = set()
        try:
            for side in sides_of(principal, resource):
                decided = self._question(side, principal, action, resource, own, facts).decide()
                if not decided.allowed:
                    return PolicyDecision(action, resource.arn, False, decided.policy_ids, decided.errors, decided.fault)
                ids.update(decided.policy_ids)
        except Exception as error:
            return PolicyDecision(action, resource.arn, False, (), 1, fault_text(error))
        return PolicyDecision(action, resource.arn, True, tuple(sorted(ids)), 0)

    def question(self, principal: Principal, action: str, resource: Resource, own: tuple[Policy, ...], facts: Facts) -> Question:
        """The question that settles the decision, open for asking about single policies: across accounts the caller's side where the
        key's side allows. Built anew, so that any thread may ask. Raises: ValueError where the slice or its entities cannot be built.
        """
        if principal.account == resource.account:
            return self._question(OWN, principal, action, resource, own, facts)
        question = self._question(KEY_SIDE, principal, action, resource, own, facts)
        return self._question(CALLER_SIDE, principal, action, resource, own, facts) if question.decide().allowed else question

    def policies_for(self, principal: Principal, resource: Resource, own: tuple[Policy, ...]) -> tuple[Policy, ...]:
        """Every policy that may have a word in calls of this caller on this resource, on either side."""
        policies, sides = self.policies, sides_of(principal, resource)
        return tuple(policy for side in sides for policy in policies_of_side(policies, side, principal, own, delegated=False))

    def require_key_policy(self, principal: Principal, future: Key, facts: Facts, *, bypass_lockout_check: bool) -> None:
        """Refuse a key policy that may not be stored, or that would lock its caller out.

        Raises: MalformedPolicyDocumentException, LimitExceededException.
        """
        own = self._reader.require_valid(future)
        if bypass_lockout_check:
            return
        decided = self._question(OWN, principal, "PutKeyPolicy", future, own, facts).decide()
        if not decided.allowed:
            reason = f"the policies could not be evaluated: {decided.fault}" if decided.errors else ""
            raise MalformedPolicyDocumentException(LOCKED_OUT, reason=reason)

    # ---- one side of a decision

    def _side(self, side: str, principal: Principal, action: str, resource: Resource, facts: Facts) -> Deciding[PolicyDecision]:
        try:
            while True:
                live = self._live
                made = yield from self._of_side(live, side, principal, action, resource, facts)
                if live is self._live:  # other policies may have been taken while something was built
                    return made
        except ThrottlingException:
            raise
        except Exception as error:
            return PolicyDecision(action, resource.arn, False, (), 1, fault_text(error))

    def _of_side(
        self, live: LivePolicies, side: str, principal: Principal, action: str, resource: Resource, facts: Facts
    ) -> Deciding[PolicyDecision]:
        name = (side, principal.account if side == CALLER_SIDE else "", action, *version_of(resource))
        has_grants = bool(facts.request_attribute("grants"))
        known = live.narrowed.get((name, id(principal), has_grants))
        compiled = known.compiled() if known is not None else None
        if known is None or compiled is None:
            known, compiled = yield from self._slice(live, name, side, principal, resource, has_grants=has_grants)
        else:
            known.use()
        remembered = None if compiled.is_timelike else (compiled.number, id(principal), name, *read_values(compiled, facts))
        if remembered is not None:
            decision = live.decisions.get(remembered)
            if decision is not None:
                return decision[0]
        base = self._base_of(live, compiled, principal, resource)
        decided = Question(compiled, base, principal, resource, facts).decide()
        made = PolicyDecision(action, resource.arn, decided.allowed, decided.policy_ids, decided.errors, decided.fault)
        if remembered is not None and not made.errors:
            made = known.one_of_alike(made)
            # The caller is kept with the decision, so that his identity cannot pass to another.
            live.decisions.keep(remembered, (made, principal), owners_of(resource), principal.account)
        return made

    def _slice(
        self, live: LivePolicies, name: tuple[Any, ...], side: str, principal: Principal, resource: Resource, *, has_grants: bool
    ) -> Deciding[tuple[Narrowed, CompiledSlice]]:
        """The slice for this resource, narrowed to this caller."""
        action: str = name[2]
        members = live.members.get(name)
        if members is None:
            own = () if side == CALLER_SIDE else (yield from self._own_policies(live, principal, resource))
            members = self._members(live, side, principal, action, resource, own)
            live.keep_members(name, members, resource, principal.account)
        caller = Caller(principal, principal_uid(principal), principal_ancestors(principal, self._around), has_grants)
        own_members = frozenset(narrowed(members, caller))
        compiled = live.compiler.find(action, own_members)
        if compiled is None:
            make: Callable[[], CompiledSlice] = partial(live.compiler.make, action, own_members, principal.account)
            compiled = yield Build((action, own_members), make)
            live.keep_slice(compiled, resource, principal.account)
        kept = live.narrowed_to(principal, compiled, resource)
        live.narrowed.keep((name, id(principal), has_grants), kept, owners_of(resource), principal.account)
        return kept, compiled

    def _own_policies(self, live: LivePolicies, principal: Principal, resource: Resource) -> Deciding[tuple[Policy, ...]]:
        """The policies of a key itself."""
        if not isinstance(resource, Key) or not resource.policy:
            return ()
        name = policies_name(resource)
        known = live.read.get(name)
        if known is None:
            made: tuple[Policy, ...] = yield Build(name, partial(self._reader.read, resource))
            # Another may have read them meanwhile: a policy is compared by identity, and each slice should have the same one.
            known = live.read.get(name)
            if known is None:
                known = made
                live.take_policies(resource, made, principal.account)
        return known

    def _question(
        self, side: str, principal: Principal, action: str, resource: Resource, own: tuple[Policy, ...], facts: Facts
    ) -> Question:
        members = self._members(self._live, side, principal, action, resource, own)
        compiled = self._live.compiler.make(action, members, principal.account)
        return Question(compiled, self._base(compiled, principal, resource), principal, resource, facts)

    def _members(
        self, live: LivePolicies, side: str, principal: Principal, action: str, resource: Resource, own_policies: tuple[Policy, ...]
    ) -> tuple[Policy, ...]:
        own, ancestors = resource_uid(resource), resource_ancestors(resource, self._around)
        groups = self._model.ancestors[action]
        delegated = leaves_to_account(own_policies, groups, action)
        speaking = policies_of_side(live.source.policies, side, principal, own_policies, delegated=delegated)
        return tuple(p for p in speaking if matches_action(p.est, groups, action) and matches_resource(p.est, own, ancestors))

    def _base_of(self, live: LivePolicies, compiled: CompiledSlice, principal: Principal, resource: Resource) -> EntityHandle:
        name = (*compiled.schema_name, principal, *version_of(resource))
        known = live.bases.get(name)
        if known is None:
            known = self._base(compiled, principal, resource)
            live.bases.keep(name, known, owners_of(resource), principal.account)
        return known

    def _base(self, compiled: CompiledSlice, principal: Principal, resource: Resource) -> EntityHandle:
        entities = [*principal_entities(principal, self._around), *resource_entities(resource, self._around)]
        unique = {(e["uid"]["type"], e["uid"]["id"]): e for e in entities}
        return EntityHandle.build(unique.values(), compiled.schema)
