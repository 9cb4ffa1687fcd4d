"""The context of a request as one slice reads it: for the engine, and as values that a remembered decision is kept under.

An attribute that is absent is left out, never empty.
"""

from __future__ import annotations

from typing import Any, Final

from meridian.authorization.decision.facts import ABSENT, Facts
from meridian.authorization.decision.slices import CompiledSlice
from meridian.authorization.language.read_set import ENCRYPTION_CONTEXT
from meridian.authorization.language.text_tests import TextTests

TAG_ENTITIES: Final = {
    "encryptionContext": "KMS::EncryptionContext",
    "requestTags": "KMS::RequestTags",
    "encryptionContextAnyCase": "KMS::AnyCase",
    "requestTagsAnyCase": "KMS::AnyCase",
    "recipientAttestation": "KMS::Attestation",
}
"""Context attributes that are entities with tags, because callers choose their keys."""


def context_of(compiled: CompiledSlice, facts: Facts) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The context cut to what the slice reads, and the entities that carry its tag maps."""
    context: dict[str, Any] = {}
    added: list[dict[str, Any]] = []
    for name in compiled.attributes:
        value = facts.attribute(name)
        if value is ABSENT:
            continue
        kind = TAG_ENTITIES.get(name)
        if kind is None:
            context[name] = value
            continue
        if compiled.is_record and name == ENCRYPTION_CONTEXT:
            context[name] = {tag: value[tag] for tag in compiled.tags or () if tag in value}
            continue
        added.append({"uid": {"type": kind, "id": name}, "attrs": {}, "parents": [], "tags": value})
        context[name] = {"__entity": {"type": kind, "id": name}}
    if compiled.request_attributes:
        values = ((name, facts.request_attribute(name)) for name in compiled.request_attributes)
        context["request"] = {name: value for name, value in values if value is not ABSENT}
    return context, added


def read_values(compiled: CompiledSlice, facts: Facts) -> list[Any]:
    """Every context value that the slice reads, absent told from empty, in a form that can be compared. Of a text that the slice does no
    more than test, what comes of that: to the slice, two with the same outcome are one."""
    values: list[Any] = []
    for name in compiled.attributes:
        value = facts.attribute(name)
        if name == ENCRYPTION_CONTEXT and compiled.tags is not None:
            values += [value] if value is ABSENT else [_told(value.get(tag), tests) for tag, tests in compiled.tags.items()]
        else:
            values.append(_comparable(value))
    values += [_comparable(facts.request_attribute(name)) for name in compiled.request_attributes]
    return values


def _told(text: str | None, tests: TextTests | None) -> Any:
    return text if tests is None or text is None else tests.outcome(text)


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(sorted(value.items()))
    return tuple(value) if isinstance(value, list) else value
