"""What a slice of policies reads of a request's context.

Paths are followed from `context` through attribute accesses and tests. A tag test or read with a literal name reads that tag; any
other use of a tag entity, or of a record as a value, reads the whole of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from meridian.authorization.evaluator import Est

TIMELIKE: Final = frozenset({"currentTime", "mfaAgeSeconds", "tokenIssueTime", "trailingDaysWithoutKeyUsage"})
ENCRYPTION_CONTEXT: Final = "encryptionContext"
RESERVED: Final = frozenset({"__entity", "__extn"})


@dataclass(frozen=True, slots=True)
class ReadSet:
    """Context attributes, request attributes and, where only literal tags are read, those tags."""

    attributes: frozenset[str]
    request_attributes: frozenset[str]
    tags: frozenset[str] | None
    """Tags of the encryption context that are read; None for all of it."""

    @property
    def is_timelike(self) -> bool:
        """Whether a decision may change although nothing the caller sends does."""
        return not TIMELIKE.isdisjoint(self.attributes | self.request_attributes)


def read_set(policies: Iterable[Est], all_attributes: frozenset[str], all_request_attributes: frozenset[str]) -> ReadSet:
    """What these policies read."""
    paths: set[tuple[str, ...]] = set()
    tags: set[str] = set()
    for policy in policies:
        for condition in policy["conditions"]:
            _collect(condition["body"], paths, tags)
    if () in paths:
        return ReadSet(all_attributes, all_request_attributes, None)
    attributes = frozenset(path[0] for path in paths) - {"request"}
    requested = [path for path in paths if path[0] == "request"]
    whole_request = any(len(path) == 1 for path in requested)
    request_attributes = all_request_attributes if whole_request else frozenset(path[1] for path in requested)
    whole_context = any(path == (ENCRYPTION_CONTEXT,) for path in paths)
    return ReadSet(attributes, request_attributes, None if whole_context else frozenset(tags))


def record_tags(reads: ReadSet) -> tuple[str, ...] | None:
    """The tags, where the encryption context may be passed as a record of them; None where it must stay an entity.

    A record costs no entity per call. It is possible where every use is a test or a read of a literal tag, and where no tag has a
    name that Cedar's JSON gives a meaning of its own.
    """
    if reads.tags is None or ENCRYPTION_CONTEXT not in reads.attributes or reads.tags & RESERVED:
        return None
    if not all(tag.isprintable() for tag in reads.tags):
        return None  # such a name cannot be written in a schema
    return tuple(sorted(reads.tags))


def as_record(node: Any) -> Any:
    """The same policy with tag tests and reads of the encryption context as attribute tests and reads."""
    if isinstance(node, list):
        return [as_record(child) for child in node]
    if not isinstance(node, dict):
        return node
    literal = _literal_tag(node)
    if literal is not None:
        operator = "has" if "hasTag" in node else "."
        inner = node["hasTag" if "hasTag" in node else "getTag"]
        return {operator: {"left": inner["left"], "attr": literal}}
    return {name: child if name == "Value" else as_record(child) for name, child in node.items()}


def _collect(node: Any, paths: set[tuple[str, ...]], tags: set[str]) -> None:
    if isinstance(node, list):
        for child in node:
            _collect(child, paths, tags)
        return
    if not isinstance(node, dict):
        return
    literal = _literal_tag(node)
    if literal is not None:
        tags.add(literal)
        paths.add((ENCRYPTION_CONTEXT, literal))
        return
    path = _path(node)
    if path is not None:
        paths.add(path)
        return
    if "Value" not in node:
        for child in node.values():
            _collect(child, paths, tags)


def _literal_tag(node: dict[str, Any]) -> str | None:
    for operator in ("hasTag", "getTag"):
        use = node.get(operator)
        if use is not None and _path(use["left"]) == (ENCRYPTION_CONTEXT,) and isinstance(use["right"].get("Value"), str):
            return str(use["right"]["Value"])
    return None


def _path(node: Any) -> tuple[str, ...] | None:
    """The attribute path from `context` that a node reads; None when it is something else."""
    if not isinstance(node, dict):
        return None
    if node.get("Var") == "context":
        return ()
    access = node.get(".") or node.get("has")
    if access is None or "attr" not in access:
        return None
    inner = _path(access["left"])
    return None if inner is None else (*inner, access["attr"])
