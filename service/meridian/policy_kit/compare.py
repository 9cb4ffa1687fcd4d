"""Two policy sets beside each other: which decisions change, and by which policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from meridian.authorization.decision.facts import Facts
from meridian.authorization.language.entities import Resource
from meridian.authorization.language.policies import matches_action
from meridian.domain.close_names import did_you_mean
from meridian.domain.policy_decision import PolicyDecision
from meridian.domain.principal import Principal
from meridian.policy_kit.cores import Cores
from meridian.policy_kit.domains import domains_of
from meridian.policy_kit.fixtures import Fixtures
from meridian.policy_kit.many import Deciding, Progress, decide_all, unseen
from meridian.policy_kit.policy_set import PolicySet
from meridian.policy_kit.prove import CELLS_MAX, cells_of
from meridian.policy_kit.rows import RowError, in_words
from meridian.policy_kit.suites import Case, Suite

ALLOWED, DENIED, REASON = "newly allowed", "newly denied", "other reason"
KINDS: Final = (ALLOWED, DENIED, REASON)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a corpus; `label` makes what people know it by."""

    label: Callable[[], str]
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


def changes(corpus: Sequence[Asked], old: Deciding, new: Deciding, cores: Cores, progress: Progress = unseen) -> Iterator[Change]:
    """What changes from one set to the other."""
    decisions = zip(corpus, decide_all(old, corpus, cores), decide_all(new, corpus, cores, progress), strict=True)
    for asked, before, made in decisions:
        kind, after = change_of(before, made)
        if kind:
            yield Change(kind, asked.label(), before.policy_ids, after.policy_ids)


def change_of(before: PolicyDecision, after: PolicyDecision) -> tuple[str, PolicyDecision]:
    """The kind of change; empty for none."""
    if before.allowed != after.allowed:
        return (ALLOWED if after.allowed else DENIED), after
    return ("" if before.policy_ids == after.policy_ids else REASON), after


def corpus_of(suite: Suite) -> Iterator[Asked]:
    """Every cell of a suite."""
    for case in suite.cases:
        request = case.request
        yield Asked(partial(_label_of, case), request.principal, request.action, request.resource, request.facts)


def enumerated(actions: Sequence[str], old: PolicySet, new: PolicySet, fixtures: Fixtures) -> Iterator[Asked]:
    """Every cell of the domains that either set reads. Raises: RowError where there are too many."""
    for action in actions:
        if action not in old.model.actions:
            raise RowError(f"{action} is no action of the schema{did_you_mean(action, old.model.actions)}")
        ancestors = old.model.ancestors[action]
        relevant = [p.est for each in (old, new) for p in each.policies if matches_action(p.est, ancestors, action)]
        domains = domains_of(relevant, action, old.model, fixtures.around, {})
        if domains.cells > CELLS_MAX:
            raise RowError(f"{action}: {domains.cells} cells are too many to enumerate")
        for rows, request in cells_of(action, domains, fixtures, old):
            yield Asked(partial(_label, rows), request.principal, action, request.resource, request.facts)


def _label(rows: Any) -> str:
    """A cell as a file of tests would have it."""
    principal, action, key, context, request = rows
    said = (("key", key), ("context", context), ("request", request))
    return ", ".join([f"principal {in_words(principal)}", action, *(f"{name} {in_words(row)}" for name, row in said if row)])


def _label_of(case: Case) -> str:
    return f"{case.file}: {case.name}: {case.request.cell}"
