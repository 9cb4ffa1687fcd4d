"""How well suites exercise a policy set: for each policy, in how many cells it was satisfied, decisive, and the only reason.

A policy is satisfied where it would apply if it stood alone, so that a permit counts beside the forbid that overruled it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from meridian.policy_kit.many import Progress, unseen
from meridian.policy_kit.policy_set import PolicySet, decide
from meridian.policy_kit.run import PolicyFolders
from meridian.policy_kit.suites import Suite


@dataclass(frozen=True, slots=True)
class Covered:
    """Counts of cells for one policy."""

    policy_id: str
    place: str
    satisfied: int = 0
    decisive: int = 0
    alone: int = 0
    """Cells in which no other policy was a reason."""


def coverage(suites: tuple[Suite, ...], folder: Path, folders: PolicyFolders, progress: Progress = unseen) -> tuple[Covered, ...]:
    """Coverage of the policies of one folder by the suites that are about it. Raises: PolicySetError."""
    policies = folders.at(folder)
    found = {policy.policy_id: Covered(policy.policy_id, policy.place) for policy in policies.policies}
    for suite in suites:
        if (suite.policies or folder).resolve() == folder.resolve():
            _count(suite, policies, found, progress)
    return tuple(found.values())


def percent_decisive(covered: tuple[Covered, ...]) -> float:
    """Share of the policies that were a reason at least once."""
    return 100.0 * sum(1 for each in covered if each.decisive) / len(covered) if covered else 100.0


def _count(suite: Suite, policies: PolicySet, found: dict[str, Covered], progress: Progress) -> None:
    authorizer = policies.within(suite.fixtures.around)
    for case in suite.cases:
        progress(1)
        request = case.request
        reasons = set(decide(authorizer, request).policy_ids)
        question = authorizer.question(
            request.principal, request.action, request.resource, authorizer.own_policies(request.resource), request.facts
        )
        satisfied = {
            policy.policy_id for policy in question.policies if question.ask([("alone", {**policy.est, "effect": "permit"})]).allowed
        }
        for name in (satisfied | reasons) & set(found):
            one = found[name]
            found[name] = replace(
                one,
                satisfied=one.satisfied + 1,
                decisive=one.decisive + (name in reasons),
                alone=one.alone + (reasons == {name}),
            )
