"""Suites, run: each case decided, the expected and the got side by side, and why where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.facts import ABSENT
from meridian.domain.policy_answer import Explanation
from meridian.domain.policy_decision import PolicyDecision
from meridian.policy_kit.cores import Cores
from meridian.policy_kit.fixtures import Request
from meridian.policy_kit.many import Deciding, Progress, decide_all, unseen
from meridian.policy_kit.policy_set import PolicySet, open_policy_set, why
from meridian.policy_kit.suites import Case, Suite


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One decided cell."""

    file: str
    name: str
    cell: str
    passed: bool
    expected: str
    got: str
    why: tuple[str, ...] = ()
    """Filled where it failed."""


class PolicyFolders:
    """Policy sets by folder, each opened once."""

    def __init__(self, default: Path, schema_text: str) -> None:
        self._default = default
        self._schema_text = schema_text
        self._opened: dict[Path, PolicySet] = {}

    def of(self, suite: Suite) -> PolicySet:
        """The set that a suite is about: its own, or the default one. Raises: PolicySetError."""
        return self.at(suite.policies or self._default)

    def at(self, folder: Path) -> PolicySet:
        if folder not in self._opened:
            self._opened[folder] = open_policy_set(folder, self._schema_text)
        return self._opened[folder]


def run_suites(suites: tuple[Suite, ...], folders: PolicyFolders, cores: Cores, progress: Progress = unseen) -> Iterator[CaseResult]:
    """Raises: PolicySetError."""
    for suite in suites:
        policies, around = folders.of(suite), suite.fixtures.around
        authorizer = policies.within(around)
        decided = decide_all(Deciding(policies, around), (case.request for case in suite.cases), cores, progress)
        for case, each in zip(suite.cases, decided, strict=True):
            yield result_of(case, each, authorizer)


def result_of(case: Case, decided: PolicyDecision, authorizer: Authorizer) -> CaseResult:
    """The decision beside what was expected; where they differ, the authorizer says why."""
    got = "allow" if decided.allowed else "deny"
    passed = got == case.expect and case.by in (None, decided.policy_ids) and not decided.errors
    return CaseResult(
        file=case.file,
        name=case.name,
        cell=case.request.cell,
        passed=passed,
        expected=case.expect if case.by is None else f"{case.expect} by {_ids(case.by)}",
        got=f"{got} by {_ids(decided.policy_ids)}",
        why=() if passed else tuple(reasons(authorizer, case.request, decided)),
    )


def reasons(authorizer: Authorizer, request: Request, decided: PolicyDecision) -> list[str]:
    """Why, in lines for people."""
    if decided.errors:
        return [f"could not be decided{_missing(authorizer, request)}"]
    return explanation_lines(why(authorizer, request))


def explanation_lines(told: Explanation) -> list[str]:
    lines = [f"{t.policy_id} ({t.place}): {t.reason}" for t in told.deciding]
    lines += [f"{m.policy_id} ({m.place}) would permit, but not: {m.condition}" for m in told.closest]
    return lines or ["no permit is about this action and resource"]


def _missing(authorizer: Authorizer, request: Request) -> str:
    """The attributes that every request of this kind has, and this one has not."""
    needed = [name for name in authorizer.model.context_attributes(request.action) if not name.endswith("?") and name != "request"]
    missing = [name for name in needed if request.facts.attribute(name) is ABSENT]
    return f"; the case gives no context.{', context.'.join(missing)}" if missing else ""


def _ids(ids: tuple[str, ...]) -> str:
    return ", ".join(ids) or "nothing"
