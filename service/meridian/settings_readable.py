"""As much of a settings file as can be read: what stands beside a fault is looked at all the same, so that every fault is told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from types import SimpleNamespace
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

UNREAD: Final = object()
Context = dict[str, Any]


def readable(section: type, table: Mapping[str, object], context: Context) -> SimpleNamespace:
    """The settings of a table that can be read, and the defaults of those that are not given; nothing of the others."""
    found = SimpleNamespace(model_fields_set=frozenset(table))
    for name, (kind, default) in _settings_of(section):
        value = _value(kind, table[name], context) if name in table else default()
        if value is not UNREAD:
            setattr(found, name, value)
    return found


def _settings_of(section: type) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """(name, (type, what makes the default)) of each."""
    if issubclass(section, BaseModel):
        for name, field in section.model_fields.items():
            yield name, (_kind_of(field), lambda field=field: _default_of(field))
    else:
        defaults = section()
        for name, kind in get_type_hints(section).items():
            yield name, (kind, lambda name=name: getattr(defaults, name))


def _kind_of(field: FieldInfo) -> Any:
    return Annotated[field.annotation, field] if field.metadata or field.discriminator else field.annotation


def _default_of(field: FieldInfo) -> object:
    return UNREAD if field.is_required() else field.get_default(call_default_factory=True)


def _value(kind: Any, value: object, context: Context) -> object:
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    section = next((each for each in (bare, *get_args(bare)) if _is_section(each)), None)
    if section is not None and isinstance(value, Mapping):
        return readable(section, value, context)
    if section is not None and isinstance(value, list) and get_origin(bare) is tuple:
        return tuple(readable(section, each, context) if isinstance(each, Mapping) else UNREAD for each in value)
    if get_origin(bare) is dict and isinstance(value, Mapping):
        _, of_each = get_args(bare)
        within = {name: _value(of_each, each, context) for name, each in value.items()}
        return {name: each for name, each in within.items() if each is not UNREAD}
    try:
        return TypeAdapter(kind).validate_python(value, context=context)
    except ValidationError:
        return UNREAD


def _is_section(kind: object) -> bool:
    return isinstance(kind, type) and (issubclass(kind, BaseModel) or is_dataclass(kind))
