"""What a slice of policies reads of a request's context.

Paths are followed from `context` through attribute accesses and tests. A tag test or read with a literal name reads that tag; whether
there is an encryption context at all reads none; any other use of a tag entity, an attribute of it too, or of a record as a value,
reads the whole of it. An expression of unknown form reads everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from meridian.authorization.language.evaluator import Est
from meridian.authorization.language.text_tests import Pattern, TextTests, tests_of, text_test

TIMELIKE: Final = frozenset({"currentTime", "mfaAgeSeconds", "tokenIssueTime", "trailingDaysWithoutKeyUsage"})
ENCRYPTION_CONTEXT: Final = "encryptionContext"
RESERVED_PREFIX: Final = "__"
"""Begins the names that Cedar's JSON gives a meaning of its own: __entity, __extn, __expr."""

LEAVES: Final = frozenset({"Value", "Var"})
"""Expressions without operands."""


@dataclass(frozen=True, slots=True)
class ReadSet:
    """Context attributes, request attributes and, where only literal tags are read, those tags."""

    attributes: frozenset[str]
    request_attributes: frozenset[str]
    tags: frozenset[str] | None
    """Tags of the encryption context that are read; None for all of it."""
    tests: Mapping[str, TextTests]
    """Of each tag whose text is tested and not used otherwise. A tag that is only looked for has none to pass."""

    @property
    def is_timelike(self) -> bool:
        """Whether a decision may change although nothing the caller sends does."""
        return not TIMELIKE.isdisjoint(self.attributes | self.request_attributes)


def read_set(policies: Iterable[Est], all_attributes: frozenset[str], all_request_attributes: frozenset[str]) -> ReadSet:
    """What these policies read."""
    found = _Found()
    for policy in policies:
        for condition in policy["conditions"]:
            _collect(condition["body"], found)
    paths = found.paths
    if () in paths:
        return ReadSet(all_attributes, all_request_attributes, None, {})
    attributes = frozenset(path[0] for path in paths) - {"request"}
    requested = [path for path in paths if path[0] == "request"]
    whole_request = any(len(path) == 1 for path in requested)
    request_attributes = all_request_attributes if whole_request else frozenset(path[1] for path in requested)
    if (ENCRYPTION_CONTEXT,) in paths:
        return ReadSet(attributes, request_attributes, None, {})
    tests = {tag: tests_of(each) for tag, each in found.tests.items() if tag not in found.values}
    return ReadSet(attributes, request_attributes, frozenset(found.tests), tests)


def record_tags(reads: ReadSet) -> tuple[str, ...] | None:
    """The tags, where the encryption context may be passed as a record of them; None where it must stay an entity.

    A record costs no entity per call. It is possible where every use is a test or a read of a literal tag, and where no tag has a
    name that Cedar's JSON gives a meaning of its own.
    """
    if reads.tags is None or ENCRYPTION_CONTEXT not in reads.attributes:
        return None
    if not all(tag.isprintable() and not tag.startswith(RESERVED_PREFIX) for tag in reads.tags):
        return None  # an unprintable name cannot be written in a schema
    return tuple(sorted(reads.tags))


def as_record(policy: Est) -> Est:
    """The same policy with tag tests and reads of the encryption context as attribute tests and reads."""
    conditions = [{**condition, "body": _with_record(condition["body"])} for condition in policy["conditions"]]
    return {**policy, "conditions": conditions}


def _with_record(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_record(child) for child in node]
    if not _is_expression(node):
        return node
    literal = _literal_tag(node)
    [(operator, operands)] = node.items()
    if literal is not None:
        return {"has" if operator == "hasTag" else ".": {"left": operands["left"], "attr": literal}}
    if operator in LEAVES:
        return node
    if isinstance(operands, dict):
        return {operator: {name: _with_record(operand) for name, operand in operands.items()}}
    return {operator: _with_record(operands)}


@dataclass(slots=True)
class _Found:
    paths: set[tuple[str, ...]] = field(default_factory=set)
    tests: dict[str, set[str | Pattern]] = field(default_factory=dict)
    """Of each tag that is read by a literal name."""
    values: set[str] = field(default_factory=set)
    """Those whose text is used otherwise."""

    def add_tag(self, name: str, tests: Iterable[str | Pattern]) -> None:
        self.tests.setdefault(name, set()).update(tests)
        self.paths.add((ENCRYPTION_CONTEXT, name))


def _collect(node: Any, found: _Found) -> None:
    """Add what an expression reads. A name that an author chose is never mistaken for an operator: records are entered by value."""
    if not _is_expression(node):
        found.paths.add(())
        return
    tested = text_test(node)
    if tested is not None and (tag := _literal_tag(tested[0])) is not None and "getTag" in tested[0]:
        found.add_tag(tag, tested[1])
        return
    literal = _literal_tag(node)
    if literal is not None:
        found.add_tag(literal, ())
        found.values.update([literal] if "getTag" in node else [])
        return
    path = _path(node)
    if path is not None:
        if path[:1] == (ENCRYPTION_CONTEXT,) and len(path) > 1:
            path = (ENCRYPTION_CONTEXT,)  # an attribute is no tag: of a record that stands for the entity it would be one
        elif path == (ENCRYPTION_CONTEXT,) and "has" in node:
            path = (ENCRYPTION_CONTEXT, "")  # whether there is one is told by the attribute, with whatever of it is read
        found.paths.add(path)
        return
    [(operator, operands)] = node.items()
    if operator in LEAVES:
        return
    for operand in operands.values() if isinstance(operands, dict) else operands:
        if isinstance(operand, dict):
            _collect(operand, found)


def _is_expression(node: Any) -> bool:
    """Whether a node is one operator with its operands."""
    return isinstance(node, dict) and len(node) == 1


def _literal_tag(node: dict[str, Any]) -> str | None:
    """The tag, where a node tests or reads one tag of the encryption context by a literal name."""
    use = node.get("hasTag") or node.get("getTag")
    if use is None or _path(use["left"]) != (ENCRYPTION_CONTEXT,):
        return None
    name = use["right"].get("Value")
    return name if isinstance(name, str) else None


def _path(node: dict[str, Any]) -> tuple[str, ...] | None:
    """The attribute path from `context` that an expression reads; None when it is something else."""
    if node.get("Var") == "context":
        return ()
    access = node.get(".") or node.get("has")
    if access is None:
        return None
    inner = _path(access["left"])
    return None if inner is None else (*inner, access["attr"])
