"""A request, rebuilt from the parameters that an audit record shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor

from meridian.audit.record_bounds import holds_cut, is_cut
from meridian.contract.catalog import TIMESTAMP, Rpc, is_map, message_of
from meridian.contract.enums import enum_number
from meridian.contract.names import lower_camel

Record = Mapping[str, Any]

TIME_SHOWN: Final = "%b %d, %Y, %I:%M:%S %p"


def request_of(rpc: Rpc, parameters: Record) -> tuple[Any, dict[str, dict[str, str]]]:
    """The request as far as it is shown, and its encryption contexts by field. A text that was cut is left out: policies ask for none that
    can be as long. Raises: ValueError where anything else was cut.
    """
    request = rpc.request_class()
    contexts: dict[str, dict[str, str]] = {
        field.name: {} for field in request.DESCRIPTOR.fields if field.name.endswith("encryption_context")
    }
    fields: dict[str, Any] = {lower_camel(field.name): field for field in request.DESCRIPTOR.fields}
    for name, value in parameters.items():
        field = fields.get(name)
        if field is None or (is_cut(value) and field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated):
            continue
        if holds_cut(value):
            raise ValueError(f"{name} was cut to fit the record")
        if field.name in contexts:
            contexts[field.name] = dict(value)
        else:
            _fill(request, field, value)
    return request, contexts


def _fill(message: Any, field: FieldDescriptor, value: Any) -> None:
    if field.type == FieldDescriptor.TYPE_ENUM:
        numbers = [enum_number(field, text) for text in (value if field.is_repeated else [value])]
        getattr(message, field.name).extend(numbers) if field.is_repeated else setattr(message, field.name, numbers[0])
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        _fill_message(message, field, value)
    elif field.is_repeated:
        getattr(message, field.name).extend(value)
    else:
        setattr(message, field.name, value)


def _fill_message(message: Any, field: FieldDescriptor, value: Any) -> None:
    if is_map(field):
        getattr(message, field.name).update(value)
        return
    if message_of(field).full_name == TIMESTAMP:
        getattr(message, field.name).FromDatetime(datetime.strptime(value, TIME_SHOWN).replace(tzinfo=UTC))
        return
    for row in value if field.is_repeated else [value]:
        inner = getattr(message, field.name).add() if field.is_repeated else getattr(message, field.name)
        known = {lower_camel(each.name): each for each in inner.DESCRIPTOR.fields}
        for name, part in row.items():
            if name in known:
                _fill(inner, known[name], part)
