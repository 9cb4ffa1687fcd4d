"""The form of suites of policy tests as a JSON schema, for editors: made of the tables that suites are read by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from meridian.authorization.language.schema_model import SchemaModel
from meridian.domain.key import KeySpec, KeyState, KeyUsage, Origin
from meridian.policy_kit.rows import KEY_FIELDS, KEY_KINDS, KINDS, PRINCIPAL_FIELDS, PRINCIPAL_KINDS
from meridian.policy_kit.suites import ALLOWED, AXES, CASE, DOCUMENT, DOCUMENT_KINDS, EFFECTS, INVARIANT, MATRIX

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]
TEXT: Final[Schema] = {"type": "string"}
TEXTS: Final[Schema] = {"type": "array", "items": TEXT}
ANY: Final[Schema] = {}
NAMES: Final[Schema] = {"type": "object"}
OF_KIND: Final[Mapping[type, Schema]] = {str: TEXT, bool: {"type": "boolean"}, list: {"type": "array"}, Mapping: NAMES}
OF_KEYS: Final[Mapping[str, Iterable[str]]] = {"keySpec": KeySpec, "keyUsage": KeyUsage, "keyOrigin": Origin, "keyState": KeyState}
"""Fields of keys whose values are words of the domain."""


def suite_schema(model: SchemaModel) -> Schema:
    """What one file may say."""
    actions = sorted(name for name, row in model.actions.items() if row.resource_types)
    action: Schema = {"enum": actions}
    parts: dict[str, Schema] = {
        "principals": _names_of(_principal()),
        "keys": _names_of(_key()),
        "contexts": _names_of(NAMES),
        "tests": _list_of(_row(CASE, action, ("name", "expect"))),
        "matrices": _list_of(_row(MATRIX, action, ("name", "principals", "actions", "allow"))),
        "invariants": _list_of(_invariant()),
    }
    properties = {name: parts.get(name) or OF_KIND.get(DOCUMENT_KINDS.get(name, object), ANY) for name in sorted(DOCUMENT)}
    return {
        "$schema": DRAFT,
        "title": "Tests of Meridian policies",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _row(fields: frozenset[str], action: Schema, required: Iterable[str]) -> Schema:
    of_axes = dict.fromkeys(AXES, TEXT) | {f"{name}s": TEXTS for name in AXES}
    known: dict[str, Schema] = {
        **of_axes,
        "action": action,
        "actions": {"type": "array", "items": action},
        "name": TEXT,
        "expect": {"enum": list(EFFECTS)},
        "by": TEXTS,
        "use": TEXT,
        "context": NAMES,
        "request": NAMES,
    }
    if "allow" in fields:
        known["allow"] = {"type": "array", "items": _row(ALLOWED, action, ())}
    return _object({name: known[name] for name in sorted(fields)}, required)


def _invariant() -> Schema:
    effect: Schema = {"enum": list(EFFECTS)}
    known = {"name": TEXT, "forall": NAMES, "where": TEXT, "never": effect, "always": effect}
    return _object({name: known[name] for name in sorted(INVARIANT)}, ("name",))


def _principal() -> Schema:
    known = {name: OF_KIND.get(PRINCIPAL_KINDS.get(name, object), ANY) for name in sorted(PRINCIPAL_FIELDS)}
    return _object({**known, "kind": {"enum": list(KINDS)}}, ())


def _key() -> Schema:
    known = {name: OF_KIND.get(KEY_KINDS.get(name, object), ANY) for name in sorted(KEY_FIELDS)}
    words = {name: {"enum": [str(each) for each in values]} for name, values in OF_KEYS.items()}
    return _object({**known, **words, "storeType": TEXT}, ())


def _object(properties: Mapping[str, Schema], required: Iterable[str]) -> Schema:
    made: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return made | ({"required": list(required)} if required else {})


def _names_of(inner: Schema) -> Schema:
    return {"type": "object", "additionalProperties": inner}


def _list_of(inner: Schema) -> Schema:
    return {"type": ["array", "null"], "items": inner}
