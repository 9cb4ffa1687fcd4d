"""What policies read and what they compare it with, taken from their syntax trees.

A path names one fact: `("resource", "keyOrigin")`, `("context", "request", "mfaPresent")`; a tag that is read by a literal name adds
that name behind the map it is in: `("principal", "tags", "tenant")`, `("context", "encryptionContext", "tenant")`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from meridian.authorization.language.evaluator import Est, Uid
from meridian.authorization.language.policies import uid

Path = tuple[str, ...]

TAGS: Final = "tags"
OWNERS_OF_TAGS: Final = ("principal", "resource")
SYMMETRIC: Final = frozenset({"==", "!=", "contains", "containsAll", "containsAny", "<", "<=", ">", ">="})


@dataclass(slots=True)
class Reads:
    """Facts with the literals they are compared with; which facts are compared with each other; entities that are named."""

    literals: dict[Path, set[Any]] = field(default_factory=lambda: defaultdict(set))
    linked: set[tuple[Path, Path]] = field(default_factory=set)
    entities: set[Uid] = field(default_factory=set)
    patterns: dict[Path, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Patterns of `like`, with `*` for any text."""
    computed_tags: bool = False
    """Whether a tag is read by a name that is not spelled out."""


def reads_of(policies: Iterable[Est]) -> Reads:
    """Everything that these policies read, scopes included."""
    found = Reads()
    for policy in policies:
        for scope in (policy["principal"], policy["resource"]):
            _add_scope(scope, found)
        for condition in policy["conditions"]:
            for node in expressions(condition["body"]):
                _add(node, found)
            for path in _facts_in(condition["body"]):
                found.literals[path].update()  # read, though perhaps compared with nothing
    return found


def expressions(node: Any) -> Iterator[Est]:
    """An expression and every expression inside it, outermost first."""
    if isinstance(node, list):
        for item in node:
            yield from expressions(item)
        return
    if not isinstance(node, dict) or len(node) != 1:
        return
    yield node
    [(operator, inner)] = node.items()
    if operator in ("Value", "Var"):
        return
    for child in inner.values() if isinstance(inner, dict) else inner:
        if isinstance(child, dict | list):
            yield from expressions(child)


def path_of(node: Est) -> Path | None:
    """The path that an expression reads; None where it is anything else."""
    if "Var" in node:
        return (node["Var"],)
    if "." in node:
        inner = path_of(node["."]["left"])
        return None if inner is None else (*inner, node["."]["attr"])
    if "getTag" in node or "hasTag" in node:
        return _tag_path(node.get("getTag") or node["hasTag"])
    if "has" in node:
        inner = path_of(node["has"]["left"])
        return None if inner is None else (*inner, node["has"]["attr"])
    return None


def _tag_path(use: Est) -> Path | None:
    inner, name = path_of(use["left"]), use["right"].get("Value")
    if inner is None or not isinstance(name, str):
        return None
    return (*inner, TAGS, name) if inner[0] in OWNERS_OF_TAGS else (*inner, name)


def literals_of(node: Est) -> list[Any]:
    """The values that an expression spells out: one, or those of a set; a constructor such as `ip("…")` gives its text."""
    if "Value" in node and not isinstance(node["Value"], dict):
        return [node["Value"]]
    if "Set" in node:
        return [value for item in node["Set"] for value in literals_of(item)]
    for name in ("ip", "datetime", "duration", "decimal"):
        if name in node:
            return literals_of(node[name][0])
    return []


def _add_scope(scope: Est, found: Reads) -> None:
    for place in (scope, scope.get("in", {})):
        for entity in [place["entity"]] if "entity" in place else []:
            found.entities.add(uid(entity))


def _add(node: Est, found: Reads) -> None:
    [(operator, inner)] = node.items()
    if operator == "Value" and isinstance(inner, dict):
        found.entities.add(uid(inner))
    elif operator in SYMMETRIC:
        _add_comparison(inner["left"], inner["right"], found)
    elif operator == "like":
        pattern = "".join("*" if part == "Wildcard" else part["Literal"] for part in inner["pattern"])
        _add_to(found.patterns, inner["left"], [pattern])
    elif operator in ("getTag", "hasTag"):
        found.computed_tags |= path_of(node) is None
    elif operator == "isInRange":
        _add_comparison(inner[0], inner[1], found)


def _add_comparison(left: Est, right: Est, found: Reads) -> None:
    for one, other in ((left, right), (right, left)):
        for fact in _facts_in(one):
            found.literals[fact].update(literals_of(other))
    for one_fact in _facts_in(left):
        for other_fact in _facts_in(right):
            found.linked.add((one_fact, other_fact))


def _facts_in(node: Any) -> list[Path]:
    """The facts that an expression is made of. A path is one fact; what it passes through is not read as a whole."""
    if isinstance(node, list):
        return [fact for item in node for fact in _facts_in(item)]
    if not isinstance(node, dict) or len(node) != 1:
        return []
    path = path_of(node)
    if path is not None:
        return [path] if len(path) > 1 else []
    [(operator, inner)] = node.items()
    if operator == "Value":
        return []
    return [fact for child in (inner.values() if isinstance(inner, dict) else inner) for fact in _facts_in(child)]


def _add_to(found: dict[Path, set[Any]], node: Est, values: list[Any]) -> None:
    for fact in _facts_in(node):
        found[fact].update(values)
