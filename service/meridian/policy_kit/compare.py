"""Two policy sets beside each other: which decisions change, and by which policies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.facts import Facts
from meridian.authorization.language.entities import Resource
from meridian.authorization.language.policies import matches_action
from meridian.domain.policy_decision import PolicyDecision
from meridian.domain.principal import Principal
from meridian.policy_kit.domains import domains_of
from meridian.policy_kit.fixtures import Fixtures
from meridian.policy_kit.policy_set import PolicySet
from meridian.policy_kit.prove import CELLS_MAX, cells_of
from meridian.policy_kit.rows import RowError
from meridian.policy_kit.suites import Suite

ALLOWED, DENIED, REASON = "newly allowed", "newly denied", "other reason"
KINDS: Final = (ALLOWED, DENIED, REASON)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a corpus; `label` is what people know it by."""

    label: str
    principal: Principal
    action: str
    resource: Resource
    facts: Facts


@dataclass(frozen=True, slots=True)
class Change:
    """One request that is decided otherwise."""

    kind: str
    label: str
    old_ids: tuple[str, ...]
    new_ids: tuple[str, ...]


def changes(corpus: Iterable[Asked], old: Authorizer, new: Authorizer, progress: Callable[[], None] = lambda: None) -> Iterator[Change]:
    """What changes from one set to the other."""
    for asked in corpus:
        progress()
        before = old.decide(asked.principal, asked.action, asked.resource, asked.facts)
        kind, after = change_of(before, new.decide(asked.principal, asked.action, asked.resource, asked.facts))
        if kind:
            yield Change(kind, asked.label, before.policy_ids, after.policy_ids)


def change_of(before: PolicyDecision, after: PolicyDecision) -> tuple[str, PolicyDecision]:
    """The kind of change; empty for none."""
    if before.allowed != after.allowed:
        return (ALLOWED if after.allowed else DENIED), after
    return ("" if before.policy_ids == after.policy_ids else REASON), after


def corpus_of(suite: Suite) -> Iterator[Asked]:
    """Every cell of a suite."""
    for case in suite.cases:
        request = case.request
        yield Asked(f"{case.file}: {case.name}: {request.cell}", request.principal, request.action, request.resource, request.facts)


def enumerated(actions: Sequence[str], old: PolicySet, new: PolicySet, fixtures: Fixtures) -> Iterator[Asked]:
    """Every cell of the domains that either set reads. Raises: RowError where there are too many."""
    for action in actions:
        if action not in old.model.actions:
            raise RowError(f"{action} is no action of the schema")
        ancestors = old.model.ancestors[action]
        relevant = [p.est for each in (old, new) for p in each.policies if matches_action(p.est, ancestors, action)]
        domains = domains_of(relevant, action, old.model, fixtures.around, {})
        if domains.cells > CELLS_MAX:
            raise RowError(f"{action}: {domains.cells} cells are too many to enumerate")
        for rows, request in cells_of(action, domains, fixtures, old):
            yield Asked(_label(rows), request.principal, action, request.resource, request.facts)


def _label(rows: Any) -> str:
    principal, action, key, context, request = rows
    parts = [
        f"principal {principal}",
        action,
        *(f"{name} {row}" for name, row in (("key", key), ("context", context), ("request", request)) if row),
    ]
    return ", ".join(parts)
