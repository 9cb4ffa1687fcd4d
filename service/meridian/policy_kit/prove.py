"""Invariants, shown for every cell of finite domains or refuted by one.

Exhaustive within the domains of `domains.py`: for callers of every combination of groups, tags and kinds that policies tell apart; for
keys with no policy of their own and with the most open one; for every value that a policy can tell from another. The condition of an
invariant is Cedar and is asked of the engine beside the decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, product
from typing import Any, Final

from meridian.authorization.decision.sweep import Sweep
from meridian.authorization.language.entities import KeyStoreResource, ScopeResource
from meridian.authorization.language.evaluator import Est, PolicySyntaxError, parse_policies, validation_faults
from meridian.authorization.language.group_form import group_faults
from meridian.authorization.language.policies import GUARDRAIL, Policy, matches_action
from meridian.authorization.sets.policy_files import PolicySource
from meridian.domain.close_names import did_you_mean
from meridian.domain.key import Key
from meridian.policy_kit.cores import Cores
from meridian.policy_kit.domains import ABSENT, Axis, Domains, domains_of
from meridian.policy_kit.fixtures import Fixtures, Request
from meridian.policy_kit.many import Progress, unseen
from meridian.policy_kit.policy_set import PolicySet
from meridian.policy_kit.rows import RowError, of_caller, principal_of, resource_of, understood
from meridian.policy_kit.suites import Invariant

WHERE: Final = "(where)"
CELLS_MAX: Final = 500_000
STRETCH_CELLS: Final = 4_096
"""Of one action, tried together."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CounterExample:
    """A cell that breaks the invariant, as rows of a test file, with the policies that made it."""

    principal: Row
    action: str
    key: Row | None
    context: Row
    request: Row
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of one invariant."""

    invariant: Invariant
    cells: int
    """Cells that were decided."""
    counted: int
    """Cells in which the invariant's condition held; a proof about none proves nothing."""
    capped: tuple[str, ...]
    counter_example: CounterExample | None

    @property
    def holds(self) -> bool:
        return self.counter_example is None and self.counted > 0


def plan(invariant: Invariant, policies: PolicySet, fixtures: Fixtures) -> dict[str, Domains]:
    """The domains of each action that the invariant speaks of. Raises: RowError where there are too many cells."""
    with understood(f"{invariant.file}: {invariant.name}: forall"):
        found = _domains(invariant, policies, fixtures)
    cells = sum(domains.cells for domains in found.values())
    if cells > CELLS_MAX:
        axes = sorted({(len(axis.values), axis.name) for d in found.values() for axis in (*d.principal, *d.key, *d.context, *d.request)})
        widest = ", ".join(f"{name} ({size})" for size, name in axes[::-1][:5])
        raise RowError(f"{invariant.file}: {invariant.name}: {cells} cells are too many; narrow one with forall: {widest}")
    return found


def _domains(invariant: Invariant, policies: PolicySet, fixtures: Fixtures) -> dict[str, Domains]:
    where = _where(invariant, policies)
    found = {}
    for action in _actions(invariant, policies):
        ancestors = policies.model.ancestors[action]
        relevant = [p.est for p in policies.policies if matches_action(p.est, ancestors, action)]
        found[action] = domains_of([*relevant, where], action, policies.model, fixtures.around, invariant.forall)
    return found


def prove(invariant: Invariant, policies: PolicySet, fixtures: Fixtures, cores: Cores, progress: Progress = unseen) -> Proof:
    """Raises: RowError."""
    found = plan(invariant, policies, fixtures)
    capped = tuple(dict.fromkeys(each for domains in found.values() for each in domains.capped))
    cells = counted = 0
    for tried in cores.each(Proving(invariant, policies, fixtures), _parts_of(found)):
        progress(tried.cells)
        cells += tried.cells
        counted += tried.counted
        if tried.counter_example is not None:
            return Proof(invariant, cells, counted, capped, tried.counter_example)
    return Proof(invariant, cells, counted, capped, None)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some cells of one action: from one number to before another."""

    action: str
    domains: Domains
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a stretch; with a counter-example, of its cells up to that one."""

    cells: int
    counted: int
    counter_example: CounterExample | None = None


@dataclass(frozen=True, slots=True)
class Proving:
    """The work of trying an invariant; its parts are stretches."""

    invariant: Invariant
    policies: PolicySet
    fixtures: Fixtures

    def begin(self) -> Callable[[Stretch], Tried]:
        where = Policy(WHERE, GUARDRAIL, _where(self.invariant, self.policies))
        asked = replace(self.policies, source=PolicySource((where,), "")).sweep(self.fixtures.around)
        return partial(self._try, asked, self.policies.sweep(self.fixtures.around))

    def _try(self, where: Sweep, policies: Sweep, stretch: Stretch) -> Tried:
        cells = list(islice(cells_of(stretch.action, stretch.domains, self.fixtures, self.policies), stretch.start, stretch.stop))
        speaks = where.decide(request for _, request in cells)
        counted = [at for at, decided in enumerate(speaks) if WHERE in decided.policy_ids]
        for number, (at, decided) in enumerate(zip(counted, policies.decide(cells[at][1] for at in counted), strict=True), 1):
            if ("allow" if decided.allowed else "deny") == self.invariant.never:
                return Tried(at + 1, number, CounterExample(*cells[at][0], by=decided.policy_ids))
        return Tried(len(cells), len(counted))


def _parts_of(found: Mapping[str, Domains]) -> Iterator[Stretch]:
    for action, domains in found.items():
        for start in range(0, domains.cells, STRETCH_CELLS):
            yield Stretch(action, domains, start, start + STRETCH_CELLS)


def cells_of(
    action: str, domains: Domains, fixtures: Fixtures, policies: PolicySet
) -> Iterator[tuple[tuple[Row, str, Row | None, Row, Row], Request]]:
    """Every cell, as rows and as a request ready to be decided."""
    with understood("forall"):
        principals = [(row, principal_of("somebody", row, "forall")) for row in rows_of("principal", domains.principal)]
        contexts = [
            (context, request, fixtures.facts(action, context, request, policies.model))
            for context in rows_of("context", domains.context)
            for request in rows_of("request", domains.request)
        ]
        resources = _resources(domains, fixtures)
    for (key_row, resource), (row, principal) in product(resources, principals):
        about = of_caller(resource, principal) if resource is not None else ScopeResource(principal.account, fixtures.region)
        for context, request, facts in contexts:
            yield (row, action, key_row, context, request), Request(principal, action, about, facts, action)


def rows_of(part: str, axes: tuple[Axis, ...]) -> list[Row]:
    """The rows of one part of a request: the product of its axes."""
    return [_row(part, zip(axes, values, strict=True)) for values in product(*(axis.values for axis in axes))]


def _row(part: str, chosen: Iterator[tuple[Axis, Any]] | Any) -> Row:
    row: Row = {}
    for axis, value in chosen:
        if axis.name == part:
            row.update(value)
        elif value != ABSENT:
            place = row
            *steps, last = axis.name.split(".")[1:]
            for step in steps:
                place = place.setdefault(step, {})
            place[last] = list(value) if isinstance(value, tuple) else value
    return row


def _resources(domains: Domains, fixtures: Fixtures) -> list[tuple[Row | None, Key | KeyStoreResource | None]]:
    if not domains.key:
        return [(None, None)]
    rows = rows_of("key", domains.key)
    return [(row, resource_of(row, region=fixtures.region, version=number, place="forall")) for number, row in enumerate(rows, 1)]


def _actions(invariant: Invariant, policies: PolicySet) -> list[str]:
    """The actions that `forall` names, groups spelled out. Raises: RowError."""
    named = invariant.actions
    if not named:
        raise RowError(f"{invariant.file}: {invariant.name}: forall names no action")
    unknown = [name for name in named if name not in policies.model.actions]
    if unknown:
        meant = did_you_mean(str(unknown[0]), policies.model.actions)
        raise RowError(f"{invariant.file}: {invariant.name}: {unknown[0]} is no action of the schema{meant}")
    rows = policies.model.actions.values()
    return [row.name for row in rows if row.resources and not policies.model.ancestors[row.name].isdisjoint(named)]


def _where(invariant: Invariant, policies: PolicySet) -> Est:
    """The condition as a policy of its own. Raises: RowError."""
    actions = ", ".join(f'KMS::Action::"{name}"' for name in _actions(invariant, policies))
    text = f"forbid (principal, action in [{actions}], resource) when {{ {invariant.where} }};"
    try:
        (est,) = parse_policies(text)
        faults = validation_faults(text, policies.schema)
    except (PolicySyntaxError, ValueError) as fault:
        raise RowError(f"{invariant.file}: {invariant.name}: where: {fault}") from fault
    if faults:
        raise RowError(f"{invariant.file}: {invariant.name}: where: {faults[0][1]}")
    for fault_of_group in group_faults(est, ""):
        raise RowError(f"{invariant.file}: {invariant.name}: where: {fault_of_group}")
    return est


def as_test(proof: Proof) -> Mapping[str, Any]:
    """A counter-example as a test file that fails until it is mended."""
    found = proof.counter_example
    if found is None:
        return {}
    case: Row = {
        "name": f"{proof.invariant.name} (counter-example)",
        "principal": "somebody",
        "action": found.action,
        "expect": "deny" if proof.invariant.never == "allow" else "allow",
    }
    if found.key is not None:
        case["key"] = "some-key"
    case.update({name: value for name, value in (("context", found.context), ("request", found.request)) if value})
    keys = {} if found.key is None else {"keys": {"some-key": found.key}}
    return {"principals": {"somebody": found.principal}, **keys, "tests": [case]}
