"""One request against one slice: decided as a whole, and open for asking about single policies of it."""

from __future__ import annotations

from collections.abc import Iterable

from meridian.authorization.decision.facts import Facts
from meridian.authorization.decision.request_context import context_of
from meridian.authorization.decision.slices import CompiledSlice
from meridian.authorization.language.entities import Resource, principal_uid, resource_uid
from meridian.authorization.language.evaluator import Decision, EntityHandle, Est, Ground, PolicyHandle, evaluate, faulted
from meridian.authorization.language.policies import Policy
from meridian.authorization.language.read_set import as_record
from meridian.domain.principal import Principal


class Question:
    """A request, its entities and the policies that can matter."""

    __slots__ = ("_base", "_compiled", "_facts", "_principal", "_resource")

    def __init__(self, compiled: CompiledSlice, base: EntityHandle, principal: Principal, resource: Resource, facts: Facts) -> None:
        self._compiled = compiled
        self._base = base
        self._principal = principal
        self._resource = resource
        self._facts = facts

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The policies of the slice, by id."""
        return tuple(sorted(self._compiled.members, key=lambda policy: policy.policy_id))

    def decide(self) -> Decision:
        """The decision of the whole slice. Never raises."""
        return self._ask(self._compiled.policies)

    def ask(self, policies: Iterable[tuple[str, Est]]) -> Decision:
        """The decision of these policies alone, each a part of a policy of the slice, so that they read no more than it. Never raises."""
        try:
            chosen = [(name, as_record(est) if self._compiled.is_record else est) for name, est in policies]
            return self._ask(PolicyHandle(chosen))
        except ValueError as error:
            return faulted(error)

    def _ask(self, policies: PolicyHandle) -> Decision:
        try:
            context, added = context_of(self._compiled, self._facts)
            entities = self._base.with_added(added) if added else self._base
        except Exception as error:
            return faulted(error)
        return evaluate(
            principal=principal_uid(self._principal),
            action=self._compiled.action,
            resource=resource_uid(self._resource),
            context=context,
            ground=Ground(policies, entities, self._compiled.schema),
        )
