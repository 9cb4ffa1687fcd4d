"""Policies as values, and what their scopes and bodies say. No engine is asked here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from meridian.authorization.language.evaluator import Est, Uid

GUARDRAIL, ACCOUNT, KEY, BUILTIN = "guardrail", "account", "key", "builtin"
LAYERS = (GUARDRAIL, ACCOUNT, KEY, BUILTIN)
DELEGATES: Final = "account_delegation"
"""The annotation of a key policy's permit that allows nothing, and leaves its actions to the policies of the key's account."""


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """One policy with the id it answers under. Compared by identity: an edited policy is another one."""

    policy_id: str
    layer: str
    est: Est
    account: str = ""
    """The account whose permits these are; empty where the layer has none."""
    foreign: bool = False
    """Marked for the caller's side of calls on keys of other accounts."""
    reason: str = ""
    """Why it permits or forbids, in its author's words; empty where a key policy gives none."""
    place: str = ""
    """File and line, or the number within a key policy."""
    delegates: bool = False
    """Of a key's own policy: it decides nothing, and lets the policies of the account count for its actions."""
    where_delegated: Policy | None = None
    """Of an account's permit: the same one for keys that leave the action to their account, whatever they do with others."""
    text: str = ""
    """As its author wrote it; empty for one of a key."""
    weight: int = 0
    """About how many bytes of memory it takes, where that is counted: of a key's own policies. Those of the files all share."""

    @property
    def is_permit(self) -> bool:
        return bool(self.est["effect"] == "permit")


def uid(entity: Mapping[str, Any]) -> Uid:
    """The uid of an entity reference in a scope."""
    inner = entity.get("__entity", entity)
    return inner["type"], inner["id"]


def action_names(policy: Est) -> tuple[str, ...] | None:
    """Actions and groups that the action scope names; None for any action."""
    scope = policy["action"]
    if scope["op"] == "All":
        return None
    entities = scope["entities"] if "entities" in scope else [scope["entity"]]
    return tuple(uid(entity)[1] for entity in entities)


def matches_action(policy: Est, ancestors: frozenset[str], action: str) -> bool:
    """Whether the action scope can match this action; `ancestors` are its groups and itself."""
    names = action_names(policy)
    if names is None:
        return True
    if policy["action"]["op"] == "==":
        return names[0] == action
    return not ancestors.isdisjoint(names)


def matches_resource(policy: Est, resource: Uid, ancestors: frozenset[Uid]) -> bool:
    """Whether the resource scope can match this resource; `ancestors` are its containers and itself."""
    scope = policy["resource"]
    op = scope["op"]
    if op == "All":
        return True
    if op == "==":
        return uid(scope["entity"]) == resource
    if op == "in":
        return uid(scope["entity"]) in ancestors
    if op == "is":
        inside = scope.get("in")
        return scope["entity_type"] == resource[0] and (inside is None or uid(inside["entity"]) in ancestors)
    return True


def conjuncts(expression: Est) -> list[Est]:
    """The parts joined by `&&`, in the order in which they are evaluated."""
    found, level = [], [expression]
    while level:
        node = level.pop()
        if "&&" in node:
            level += [node["&&"]["right"], node["&&"]["left"]]
        else:
            found.append(node)
    return found


def depth(node: Any) -> int:
    """How deeply an expression nests. Counted without recursion, since the answer is what bounds recursion elsewhere."""
    deepest, level = 0, [node]
    while level:
        deepest += 1
        inner = [child for item in level if isinstance(item, dict) for child in item.values()]
        level = inner + [child for item in level if isinstance(item, list) for child in item]
    return deepest
