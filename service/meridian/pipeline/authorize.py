"""May this caller do this. The generic authorization interceptor: it reads the requirements that the contract
declares for the operation, builds a Cedar request for each, and asks for all of them.

All decisions are made and audited; the first refusal is the answer. Requirements that another Region decides are asked there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from prometheus_client.core import CounterMetricFamily, Metric

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.builder import Builder
from meridian.authorization.decision.deciding import Deciding
from meridian.authorization.decision.explain import explain
from meridian.authorization.decision.facts import CallFacts
from meridian.authorization.decision.layers import Layers
from meridian.authorization.language.entities import AliasResource, KeyStoreResource, Resource, ScopeResource
from meridian.authorization.language.policies import KEY
from meridian.call import Call
from meridian.contract.catalog import Requirement
from meridian.contract.fields import is_given, text_of
from meridian.domain.policy_answer import Explanation
from meridian.domain.policy_decision import PolicyDecision
from meridian.domain.principal import Principal
from meridian.errors import AccessDeniedException, KMSInternalException, ThrottlingException
from meridian.pipeline.denial import denial, foreign_denial
from meridian.pipeline.resolve import UNUSABLE_CIPHERTEXT
from meridian.ports.heavy_work import HeavyWork
from meridian.ports.security_events import SecurityEvent, SecurityEvents

ALLOW, DENY = "allow", "deny"
NONE: Final = "none"
"""No policy made the decision: nothing permits."""
FAULT: Final = "fault"
"""The evaluator failed, which denies."""


class Authorize:
    """Raises: AccessDeniedException; where the caller's own account alone is concerned, KMSInternalException where the evaluator failed,
    which is never a permission, and ThrottlingException where there is no place to build what a decision needs. On a key of another account
    each of these is the refusal that an absent key meets."""

    def __init__(
        self,
        authorizer: Authorizer,
        *,
        region: str,
        region_labels: Mapping[str, tuple[str, ...]],
        events: SecurityEvents,
        heavy: HeavyWork,
    ) -> None:
        self._authorizer = authorizer
        self._region = region
        self._region_labels = region_labels
        self._events = events
        self._heavy = heavy
        self._layers = Layers(authorizer)
        self._made: Counter[tuple[str, str]] = Counter()
        self._builder = Builder(heavy)

    def __call__(self, call: Call) -> Awaitable[None] | None:
        """Decides at once where all is built that the decisions need, and otherwise beside the event loop."""
        return self._builder.finish(call.caller.account, self._decide_all(call))

    def _decide_all(self, call: Call) -> Deciding[None]:
        refusal: Exception | None = None
        for requirement in call.rpc.requires:
            if _is_asked(call, requirement):
                fault = yield from self._decide(call, requirement)
                refusal = refusal or fault
        refusal = refusal or _undecided(call)
        if refusal is not None:
            raise refusal

    async def explain(self, call: Call) -> tuple[Explanation, ...]:
        """The same decisions with their reasons; the call keeps no trace of them.

        Raises: AccessDeniedException for a refusal on a resource of another account alone: why, and whether it is there, is not told.
        """
        return await self.explain_by(self._authorizer, call)

    async def explain_by(self, authorizer: Authorizer, call: Call) -> tuple[Explanation, ...]:
        """What another authorizer would decide, told in the same way. Raises: as `explain`."""
        asked = [requirement for requirement in call.rpc.requires if _is_asked(call, requirement)]
        explained = tuple([await self._explain(authorizer, call, requirement) for requirement in asked])
        refusal = _undecided(call)
        if refusal is not None:
            raise refusal
        return explained

    async def _explain(self, authorizer: Authorizer, call: Call, requirement: Requirement) -> Explanation:
        principal, resource = call.caller, self._resource(call, requirement)
        if requirement.resource_field in call.absent:
            raise call.absent[requirement.resource_field]
        if resource is None:
            raise _undecided(call) or KMSInternalException(reason=f"nothing to decide {requirement.action} on")
        abroad = resource.account != principal.account
        if abroad and not requirement.cross_account:
            raise foreign_denial(principal, requirement.action)
        facts = CallFacts(call, requirement, self._region, self._region_labels)
        try:
            found = await self._explained(authorizer, principal, requirement.action, resource, facts)
        except (ThrottlingException, asyncio.CancelledError) as unready:
            if not abroad:
                raise
            raise _hidden(foreign_denial(principal, requirement.action), type(unready).__name__) from unready
        if (found.decision.errors or found.fault) and authorizer is self._authorizer:  # of tried ones whoever tries them hears
            self._tell(found.decision, found.fault)
        if abroad and not found.decision.allowed:
            raise foreign_denial(principal, requirement.action)
        named = replace(found.decision, resource=_as_named(call, requirement, found.decision))
        # What another account wrote into the policy of its key is not this account's to read.
        deciding = tuple(told for told in found.deciding if not abroad or told.layer != KEY)
        return replace(found, decision=named, deciding=deciding)

    async def _explained(
        self, authorizer: Authorizer, principal: Principal, action: str, resource: Resource, facts: CallFacts
    ) -> Explanation:
        """An explanation by one set of policies."""
        while True:
            digest = authorizer.digest
            explain_it = partial(explain, authorizer, principal, action, resource, facts)
            found = await self._heavy.run(principal.account, explain_it)
            if authorizer.digest == digest:
                return found

    def _decide(self, call: Call, requirement: Requirement) -> Deciding[Exception | None]:
        if requirement.resource_field in call.absent:
            return call.absent[requirement.resource_field]
        principal, resource = call.caller, self._resource(call, requirement)
        if resource is None:
            return _undecided(call) or KMSInternalException(reason=f"nothing to decide {requirement.action} on")
        abroad = resource.account != principal.account
        if abroad and not requirement.cross_account:
            return foreign_denial(principal, requirement.action)
        facts = CallFacts(call, requirement, self._region, self._region_labels)
        try:
            decision = yield from self._authorizer.deciding(principal, requirement.action, resource, facts)
        except (ThrottlingException, asyncio.CancelledError) as unready:
            if not abroad:
                raise
            undecided = PolicyDecision(requirement.action, resource.arn, False)
            return _hidden(_refusal(call, principal, undecided, abroad=True, account_counts=True), type(unready).__name__)
        call.decisions.append(decision)
        call.policy_set = self._authorizer.digest
        self.count([decision])
        if call.grants:
            call.grant_ids[requirement.action] = facts.request_attribute("grants")
        if decision.allowed:
            return None
        if decision.errors:
            self._tell(decision)
            reason = f"{requirement.action} could not be decided"
            if not abroad:
                return KMSInternalException(reason=reason)
            return _hidden(_refusal(call, principal, decision, abroad=True, account_counts=True), reason)
        named = replace(decision, resource=_as_named(call, requirement, decision))
        account_counts = self._authorizer.account_counts(resource, requirement.action)
        return _refusal(call, principal, named, abroad=abroad, account_counts=account_counts)

    def count(self, made: Iterable[PolicyDecision]) -> None:
        """Each of these was made, or holds, for one more call."""
        for decision in made:
            self._made[ALLOW if decision.allowed else DENY, FAULT if decision.errors else self._layers.of(decision) or NONE] += 1

    def collect(self) -> Iterator[Metric]:
        """The metric as Prometheus wants it."""
        family = CounterMetricFamily("meridian_decisions", "Decisions of policies, by effect and layer.", labels=["effect", "layer"])
        for told, count in list(self._made.items()):
            family.add_metric(told, count)
        yield family

    def _tell(self, decision: PolicyDecision, fault: str = "") -> None:
        self._events.report(
            SecurityEvent.POLICY_FAULT,
            subject=decision.resource,
            action=decision.action,
            fault=decision.fault or fault or "an error of evaluation",
        )

    def _resource(self, call: Call, requirement: Requirement) -> Resource | None:
        if requirement.resource in ("KEY", "ALIAS_TARGET", "GRANT_KEY"):
            return call.keys.get(requirement.resource_field)
        if requirement.resource == "ALIAS":
            return AliasResource(call.caller.account, self._region, text_of(call.request, "alias_name"))
        if requirement.resource == "KEY_STORE" and call.key_store_type is not None:
            return KeyStoreResource(call.caller.account, self._region, text_of(call.request, "custom_key_store_id"), call.key_store_type)
        if requirement.resource == "PROSPECTIVE_KEY" and call.prospective is not None:
            # The policy that a new key will have says nothing yet about who may make it.
            return replace(call.prospective, policy="", policy_document="", account_delegation=True)
        if requirement.resource == "SCOPE":
            return ScopeResource(call.caller.account, self._region)
        return None


def _is_asked(call: Call, requirement: Requirement) -> bool:
    """Whether this Region decides it for this request."""
    return not requirement.by_peer and (not requirement.when or is_given(call.request, requirement.when))


def _undecided(call: Call) -> Exception | None:
    """The refusal of a key of another account that the request names and no permission is asked on: whether it is there is not told."""
    account, requires = call.caller.account, call.rpc.requires
    for field, key in call.keys.items():
        if key.account != account and not _is_decided(field, requires):
            return foreign_denial(call.caller, requires[0].action)
    for field in call.absent:
        if not _is_decided(field, requires):
            return foreign_denial(call.caller, requires[0].action)
    return None


def _is_decided(field: str, requires: tuple[Requirement, ...]) -> bool:
    """Whether a permission is asked on the key that this field names."""
    return any(requirement.resource_field == field for requirement in requires)


def _refusal(call: Call, principal: Principal, decision: PolicyDecision, *, abroad: bool, account_counts: bool) -> AccessDeniedException:
    field = call.rpc.ciphertext_key_field
    if field and not call.request.HasField(field) and decision.action in ("Decrypt", "ReEncryptFrom"):
        # The key was named by the ciphertext alone: absent, elsewhere and forbidden must look the same.
        return AccessDeniedException(UNUSABLE_CIPHERTEXT)
    return foreign_denial(principal, decision.action) if abroad else denial(principal, decision, account_counts=account_counts)


def _hidden(refusal: AccessDeniedException, reason: str) -> AccessDeniedException:
    """The refusal of a key of another account that no decision was made on: only the audit record says why."""
    refusal.reason = reason
    return refusal


def _as_named(call: Call, requirement: Requirement, decision: PolicyDecision) -> str:
    """The resource as the caller named it: where he knows an alias, a refusal does not tell him the key behind it."""
    field = requirement.resource_field
    return call.aliases.get(field) or (text_of(call.request, "alias_name") if field == "alias_name" else decision.resource)
