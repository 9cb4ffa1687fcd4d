"""The only importer of the Cedar binding. Any fault denies.

Allowed means: Cedar decided Allow and reported no error. A forbid that cannot be evaluated is skipped by the engine, so an error
beside an Allow may hide a refusal; entities are always built against a schema, because without it action groups are empty and
a forbid on a group never fires.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from meridian.authorization.language.policy_bounds import LAID_OUT_CHARACTERS_MAX, bounds_fault
from meridian.domain.fault_places import fault_text
from meridian.domain.weights import parsed_bytes, schema_bytes
from meridian.unused_parts import empty

with empty("cedarpy.pst"):  # a tree of classes for syntax trees, which are dicts here
    import cedarpy

Est = dict[str, Any]
"""One policy in Cedar's JSON form."""

Uid = tuple[str, str]
"""Entity type and id."""


class PolicySyntaxError(Exception):
    """Text that is no Cedar."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the engine said. `policy_ids` is sorted; `errors` counts faults of evaluation, each of which denies; `fault` is the type and
    place of the exception, where one kept the engine from being asked."""

    allowed: bool
    policy_ids: tuple[str, ...]
    errors: int
    fault: str = field(default="", compare=False)


FAULT = Decision(False, (), 1)


def faulted(error: Exception) -> Decision:
    """The decision that an exception leaves: denied, and telling what it was."""
    return replace(FAULT, fault=fault_text(error))


class PolicyHandle:
    """A parsed policy set. Raises: ValueError where two policies share an id, for one of them would be lost."""

    __slots__ = ("_handle", "outside_bytes")

    def __init__(self, policies: Iterable[tuple[str, Est]]) -> None:
        named: dict[str, Est] = {}
        for policy_id, est in policies:
            if policy_id in named:
                raise ValueError(f"two policies have the id {policy_id}")
            named[policy_id] = est
        document = json.dumps({"staticPolicies": named, "templates": {}, "templateLinks": []})
        self._handle = cedarpy.PolicySet.from_json_str(document, release_gil=True)
        self.outside_bytes = parsed_bytes(document)

    @property
    def handle(self) -> Any:
        return self._handle


class SchemaHandle:
    """A parsed schema. Raises: PolicySyntaxError."""

    __slots__ = ("_handle", "outside_bytes", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._handle = cedarpy.Schema.from_str(text, release_gil=True)
        except ValueError as fault:
            raise PolicySyntaxError(f"schema: {fault}") from fault
        self.outside_bytes = schema_bytes(text)

    @property
    def handle(self) -> Any:
        return self._handle


class EntityHandle:
    """Entities, checked against the schema they were built with. Raises: ValueError if they do not fit it."""

    __slots__ = ("_handle", "outside_bytes")

    def __init__(self, handle: Any, outside_bytes: int) -> None:
        self._handle = handle
        self.outside_bytes = outside_bytes

    @classmethod
    def build(cls, entities: Iterable[Est], schema: SchemaHandle) -> EntityHandle:
        document = json.dumps(list(entities))
        return cls(cedarpy.Entities.from_json_str(document, schema.handle), parsed_bytes(document))

    def with_added(self, entities: Iterable[Est]) -> EntityHandle:
        """These entities and more; what is added was not checked against the schema."""
        document = json.dumps(list(entities))
        return EntityHandle(self._handle.with_added_json_str(document), self.outside_bytes + parsed_bytes(document))

    @property
    def handle(self) -> Any:
        return self._handle


@dataclass(frozen=True, slots=True)
class Ground:
    """What decisions are made on."""

    policies: PolicyHandle
    entities: EntityHandle
    schema: SchemaHandle


def evaluate(*, principal: Uid, action: str, resource: Uid, context: Mapping[str, Any], ground: Ground) -> Decision:
    """Ask the engine. Never raises."""
    try:
        asked = _request(principal, action, resource, context)
        return _decision_of(cedarpy.is_authorized(asked, ground.policies.handle, ground.entities.handle, ground.schema.handle))
    except Exception as error:
        return faulted(error)


def evaluate_many(*, principal: Uid, action: str, resource: Uid, contexts: Sequence[Mapping[str, Any]], ground: Ground) -> list[Decision]:
    """Ask the engine about each of these contexts at once: what `evaluate` says of each. Never raises."""
    try:
        asked = [_request(principal, action, resource, context) for context in contexts]
        answers = cedarpy.is_authorized_batch(asked, ground.policies.handle, ground.entities.handle, ground.schema.handle)
        return [_decision_of(each) for each in answers]
    except Exception as error:
        return [faulted(error)] * len(contexts)


def _request(principal: Uid, action: str, resource: Uid, context: Mapping[str, Any]) -> dict[str, Any]:
    """Entities as values: nothing to quote. The context as text: the binding would write it anyway, and more slowly."""
    return {
        "principal": {"type": principal[0], "id": principal[1]},
        "action": {"type": "KMS::Action", "id": action},
        "resource": {"type": resource[0], "id": resource[1]},
        "context": orjson.dumps(context).decode(),
    }


def _decision_of(result: cedarpy.AuthzResult) -> Decision:
    found, told = result.decision, result.diagnostics
    if found is cedarpy.Decision.NoDecision:
        return FAULT
    allowed, errors = found is cedarpy.Decision.Allow, len(told.errors)
    if allowed and errors:
        return Decision(False, (), errors)  # the ids are of permits, which made no refusal
    return Decision(allowed, tuple(sorted(told.reasons)), errors)


def parse_policies(text: str) -> list[Est]:
    """The policies of a text, in its order. Raises: PolicySyntaxError; also for templates, and for what the parser cannot bear."""
    return policies_of(policies_as_json(text))


def policies_as_json(text: str) -> str:
    """The policies of a text in Cedar's JSON form. Keeps the interpreter to itself, some milliseconds for ten kilobytes.

    Raises: PolicySyntaxError.
    """
    _require_bounded(text)
    try:
        return str(cedarpy.policies_to_json_str(text))
    except ValueError as fault:
        raise PolicySyntaxError(str(fault)) from fault


def policies_of(document: str) -> list[Est]:
    """The policies in a JSON form of Cedar's, in their order. Raises: PolicySyntaxError."""
    try:
        read = json.loads(document)
    except RecursionError as fault:
        raise PolicySyntaxError("a policy nests too deeply") from fault
    if read["templates"]:
        raise PolicySyntaxError("policy templates are not allowed")
    numbered = read["staticPolicies"]
    return [numbered[name] for name in sorted(numbered, key=lambda name: int(name.removeprefix("policy")))]


def _require_bounded(text: str) -> None:
    fault = bounds_fault(text)
    if fault:
        raise PolicySyntaxError(fault)


def validation_faults(text: str, schema: SchemaHandle) -> list[tuple[int, str]]:
    """(number of the policy in the text, fault) for everything strict validation finds."""
    result = cedarpy.validate_policies(text, schema.handle, release_gil=True)
    faults = []
    for error in result.errors:
        name = error.policy_id.removeprefix("policy")
        faults.append((int(name) if name.isdigit() else 0, error.error))
    if not result.validation_passed and not faults:
        faults.append((0, "the policies do not validate"))
    return list(dict.fromkeys(faults))


def format_policies(text: str) -> str:
    """The canonical text. Raises: PolicySyntaxError."""
    if len(text) > LAID_OUT_CHARACTERS_MAX:
        raise PolicySyntaxError(f"is longer than {LAID_OUT_CHARACTERS_MAX:,} characters, the most that is laid out at once; split the file")
    _require_bounded(text)
    try:
        return str(cedarpy.format_policies(text, 100, 2))
    except ValueError as fault:
        raise PolicySyntaxError(str(fault)) from fault
