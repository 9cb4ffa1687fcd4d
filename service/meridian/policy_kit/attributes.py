"""Attributes of a request that somebody wrote down: they are of the schema, and their values of its kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from ipaddress import ip_network
from typing import Final

from meridian.authorization.language.schema_model import Attributes, SchemaModel
from meridian.domain.close_names import did_you_mean
from meridian.policy_kit.rows import Row, RowError

REQUEST: Final = "request"


def _is_network(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(ip_network(value, strict=False))
    except ValueError:
        return False


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def _are_texts(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _is_map(value: object) -> bool:
    return isinstance(value, Mapping) and _are_texts(value) and _are_texts(value.values())


KINDS: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "String": (lambda value: isinstance(value, str), "text"),
    "Bool": (lambda value: isinstance(value, bool), "true or false"),
    "Long": (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"),
    "Set": (lambda value: isinstance(value, list) and _are_texts(value), "a list of texts"),
    "ipaddr": (_is_network, "an IP address"),
    "datetime": (_is_time, "a time such as '2026-07-01T00:00:00Z', in quotes"),
    "EncryptionContext": (_is_map, "names with texts"),
    "RequestTags": (_is_map, "names with texts"),
    "Attestation": (_is_map, "names with texts"),
    "AnyCase": (_is_map, "names with texts"),
}
"""What a value of each type of the schema is, and how it is called."""


def require_attributes(action: str, context: Row, request: Row, model: SchemaModel) -> None:
    """Those of one action alone. Raises: RowError."""
    _require(context, _own(model, action), f"context of {action}")
    _require(request, model.types["Request"], "request")


def require_some_actions(context: Row, request: Row, model: SchemaModel) -> None:
    """Those of whatever action, as where one row is for several. Raises: RowError."""
    _require(context, {name: kind for action in model.actions for name, kind in _own(model, action).items()}, "context")
    _require(request, model.types["Request"], "request")


def _own(model: SchemaModel, action: str) -> Attributes:
    return {name: kind for name, kind in model.context_attributes(action).items() if name != REQUEST}


def _require(given: Row, declared: Attributes, place: str) -> None:
    kinds = {name.rstrip("?"): kind for name, kind in declared.items()}
    for name, value in given.items():
        if name not in kinds:
            raise RowError(f"{place}: {_unknown(str(name), sorted(kinds))}")
        is_right, words = KINDS[_kind(kinds[name])]
        if not is_right(value):
            raise RowError(f"{place}: {name} must be {words}")


def _kind(type_: str) -> str:
    return type_.partition("<")[0]


def _unknown(name: str, known: list[str]) -> str:
    return f"{name} is unknown{did_you_mean(name, known)}; known are {', '.join(known) or 'none'}"
