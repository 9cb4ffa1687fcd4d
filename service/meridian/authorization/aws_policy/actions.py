"""The Action and NotAction elements: which actions on a key a statement is about.

An action of AWS KMS that concerns no key is valid and has no effect, and so is a name that AWS KMS does not have, as long as the
element names some action that it has: AWS takes both. The first is told as a note, the second as a warning.

Source: IAM User Guide, IAM JSON policy elements: Action, NotAction; AWS KMS Developer Guide, AWS KMS permissions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from meridian.authorization.aws_policy.refusal import RefusedDocument, Why
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.language.text_tests import fits_pieces

ACCOUNT_ONLY: Final = frozenset({"CreateKey", "SynchronizeMultiRegionKey"})
OWN_ONLY: Final = frozenset(
    {"CheckAccess", "DescribeAudit", "DescribePolicySet", "DescribeRegions", "ExplainDecision", "ListDecisions", "TryPolicies"}
)
"""Actions that AWS KMS does not have."""
SERVICE: Final = "kms"
GROUP, GROUP_MEMBER = "Group", "User"
NAME: Final = re.compile(r"([A-Za-z0-9-]+):([A-Za-z0-9*]+)")
EFFECTS: Final = {
    ("Allow", "Action"): "allows nothing",
    ("Deny", "Action"): "denies nothing; where a wider action was meant, it is not denied",
    ("Allow", "NotAction"): "leaves out nothing; where an action of another name was meant, it is allowed",
    ("Deny", "NotAction"): "leaves out nothing",
}
"""What a name that is no action does, by effect and element."""


@dataclass(frozen=True, slots=True)
class Actions:
    """The actions on a key that a statement is about; none where all that it names concern no key."""

    names: tuple[str, ...]
    notes: tuple[str, ...]
    """Where Cedar is told more exactly than AWS was."""
    warnings: tuple[str, ...]
    """Names that have no effect, which their author may have meant to have one."""


def on_keys(model: SchemaModel) -> tuple[str, ...]:
    """Every action that a key policy can speak of."""
    rows = model.actions.values()
    return tuple(row.name for row in rows if "Key" in row.resource_types and row.name not in ACCOUNT_ONLY)


def of_accounts(model: SchemaModel, kind: str) -> tuple[str, ...]:
    """Every action of AWS KMS that a policy of an account can speak of to a principal of this kind; a group has principals of each."""
    kinds = {kind, GROUP_MEMBER} if kind == GROUP else {kind}
    rows = model.actions.values()
    return tuple(row.name for row in rows if row.resources and row.name not in OWN_ONLY and not kinds.isdisjoint(row.principal_types))


def actions_of(statement: Mapping[str, Any], place: str, model: SchemaModel, every: tuple[str, ...]) -> Actions:
    """The actions that the statement names of `every` that its policy can speak of. Raises: RefusedDocument."""
    if ("Action" in statement) == ("NotAction" in statement):
        raise RefusedDocument(place, Why.ONE_OF_ACTIONS)
    element = "Action" if "Action" in statement else "NotAction"
    where = f"{place}.{element}"
    listed = statement[element] if isinstance(statement[element], list) else [statement[element]]
    matched: set[str] = set()
    notes, warnings = [], []
    for pattern in listed:
        named = _matching(pattern, where, model)
        matched.update(named)
        bare = str(pattern).rpartition(":")[2]
        if not named:
            warnings.append(f"{where}: {pattern} is no action of AWS KMS: it {EFFECTS[statement['Effect'], element]}{_meant(bare, every)}")
        elif "*" in bare and bare != "*":
            notes.append(f"{where}: {pattern} means what it matches today: {', '.join(named)}")
        elif named[0] not in every and bare != "*":
            notes.append(f"{where}: {pattern} is not about a key and has no effect in a key policy")
    if not matched:
        first = f": {listed[0]}{_meant(str(listed[0]).rpartition(':')[2], every)}" if listed else ""
        raise RefusedDocument(where, Why.NO_ACTION, meant=first)
    chosen = tuple(name for name in every if (name in matched) is (element == "Action"))
    if element == "NotAction" and not chosen:
        raise RefusedDocument(where, Why.NO_ACTION_LEFT)
    return Actions(chosen, tuple(notes), tuple(warnings))


def _meant(name: str, every: tuple[str, ...]) -> str:
    lowered = {each.lower(): each for each in every}
    found = get_close_matches(name.lower(), lowered, 1)
    return f"; did you mean {SERVICE}:{lowered[found[0]]}?" if found else ""


def _matching(pattern: Any, place: str, model: SchemaModel) -> list[str]:
    """The actions of AWS KMS that a name or a name with wildcards means; none where it has none of that name."""
    parts = NAME.fullmatch(pattern) if isinstance(pattern, str) else None
    if parts is None and pattern != "*":
        raise RefusedDocument(place, Why.NO_ACTION_NAME)
    if parts is not None and parts[1].lower() != SERVICE:
        return []
    wanted = parts[2].lower() if parts is not None else "*"
    return [row.name for row in model.actions.values() if row.resources and row.name not in OWN_ONLY and fits(wanted, row.name.lower())]


def fits(pattern: str, name: str) -> bool:
    """Whether a name fits a pattern with stars."""
    return fits_pieces(tuple(pattern.split("*")), name)
