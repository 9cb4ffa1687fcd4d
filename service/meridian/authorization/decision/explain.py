"""Why a decision is what it is: the policies that made it, and, where nothing permits, the permits that came closest.

A policy's scope and the parts of its conditions that are joined by `&&` are tried one after the other, each together with those
before it, so that a part which leans on a guard before it is judged with its guard.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Final

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.facts import Facts
from meridian.authorization.decision.question import Question
from meridian.authorization.language.balance import balanced
from meridian.authorization.language.entities import Resource
from meridian.authorization.language.evaluator import Est
from meridian.authorization.language.expression_text import expression_text
from meridian.authorization.language.policies import BUILTIN, Policy
from meridian.domain.fault_places import fault_text
from meridian.domain.policy_answer import Explanation, NearMiss, Told
from meridian.domain.policy_decision import PolicyDecision
from meridian.domain.principal import Principal

CLOSEST_MAX: Final = 5
PRINCIPAL_SCOPE: Final = {"Var": "principal"}


@dataclass(frozen=True, slots=True)
class _Part:
    """One thing that must hold for a policy to apply: the expression and how an author wrote it."""

    holds: Est
    text: str


def explain(authorizer: Authorizer, principal: Principal, action: str, resource: Resource, facts: Facts) -> Explanation:
    """The decision that a call would get now, and why. Of a thousand permits each is asked by itself, which takes a second: any thread may
    call this, but no event loop. Nothing is remembered. Never raises."""
    try:
        own = authorizer.own_policies(resource)
    except Exception as error:
        fault = fault_text(error)
        return Explanation(PolicyDecision(action, resource.arn, False, (), 1, fault), fault=fault)
    decision = authorizer.decide_anew(principal, action, resource, own, facts)
    try:
        question = authorizer.question(principal, action, resource, own, facts)
        known = {policy.policy_id: policy for policy in authorizer.policies_for(principal, resource, own)}
    except Exception as error:
        return Explanation(decision, fault=fault_text(error))
    told = tuple(told_of(known[name]) for name in decision.policy_ids if name in known)
    if decision.allowed or decision.policy_ids or decision.errors:
        return Explanation(decision, told)
    return Explanation(decision, (), _closest(question))


def told_of(policy: Policy) -> Told:
    """A policy in its author's words."""
    return Told(policy.policy_id, policy.layer, policy.reason, policy.place)


def _closest(question: Question) -> tuple[NearMiss, ...]:
    misses = [miss for policy in question.policies if policy.is_permit for miss in _miss(question, policy)]
    misses.sort(key=lambda miss: (miss[0], miss[1].policy_id))
    return tuple(miss for _, miss in misses[:CLOSEST_MAX])


def _miss(question: Question, policy: Policy) -> Iterator[tuple[int, NearMiss]]:
    """How many parts are not met, counted from the first, and the miss itself; nothing where all are met."""
    parts = _parts(policy.est)
    # Where so many parts do not hold together, no more of them do.
    first = bisect_left(range(len(parts)), True, key=lambda at: not _holds(question, parts[: at + 1]))
    if first < len(parts):
        miss = NearMiss(policy.policy_id, policy.layer, policy.reason, policy.place, parts[first].text)
        yield _distance(policy, first + 1, len(parts)), miss


def _holds(question: Question, parts: list[_Part]) -> bool:
    return question.ask([("tried", _permit([part.holds for part in parts]))]).allowed


def _distance(policy: Policy, met: int, parts: int) -> int:
    """How far from applying: fewest conditions after the first unmet one; another caller is farther than any of them, a grant between."""
    if met == 1 and policy.est["principal"]["op"] != "All":
        return 2000
    return 1000 if policy.layer == BUILTIN else parts - met


def _parts(est: Est) -> list[_Part]:
    scope = _principal_scope(est["principal"])
    found = [] if scope is None else [_Part(scope, expression_text(scope))]
    for condition in est["conditions"]:
        if condition["kind"] == "when":
            found += [_Part(part, expression_text(part)) for part in _joined(condition["body"], "&&")]
        else:
            found += [_Part({"!": {"arg": part}}, f"unless {expression_text(part)}") for part in _joined(condition["body"], "||")]
    return found


def _principal_scope(scope: Est) -> Est | None:
    """The principal scope of a policy as an expression; None where it is open."""
    if scope["op"] == "All":
        return None
    inside = scope.get("in", {}).get("entity")
    if scope["op"] == "is":
        kind: Est = {"left": PRINCIPAL_SCOPE, "entity_type": scope["entity_type"]}
        return {"is": kind if inside is None else {**kind, "in": {"Value": {"__entity": inside}}}}
    return {scope["op"]: {"left": PRINCIPAL_SCOPE, "right": {"Value": {"__entity": scope["entity"]}}}}


def _joined(expression: Est, operator: str) -> list[Est]:
    if operator not in expression:
        return [expression]
    sides = expression[operator]
    return [*_joined(sides["left"], operator), *_joined(sides["right"], operator)]


def _permit(parts: list[Est]) -> Est:
    body = reduce(lambda left, right: {"&&": {"left": left, "right": right}}, parts)
    anything = {"op": "All"}
    made = {
        "effect": "permit",
        "principal": anything,
        "action": anything,
        "resource": anything,
        "conditions": [{"kind": "when", "body": body}],
        "annotations": {},
    }
    return balanced(made)
