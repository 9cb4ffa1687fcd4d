"""The request fields that an audit record shows: those that the protos say, beside encryption contexts, which are always shown.
Everything else of a request stays out. What could never be shown whole is cut here already, before it costs anything to show.

Source: AWS KMS Developer Guide, log entries of each operation.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from hashlib import sha256
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from meridian.audit.record import shown_time
from meridian.audit.record_bounds import CUT, RECORD_BYTES_MAX, cut, shown
from meridian.contract.catalog import TIMESTAMP, is_audited, is_map, is_secret, message_of
from meridian.contract.enums import enum_aws_value
from meridian.contract.field_limits import is_moment
from meridian.contract.names import lower_camel

ITEMS_SHOWN_MAX: Final = 256
"""Of a list or map; longer lists are cut to a digest of the field as protobuf writes it."""

Reader = Callable[[Any], Any]


@cache
def _readers(message: Descriptor) -> tuple[tuple[str, Reader], ...]:
    return tuple((lower_camel(field.name), _reader(field)) for field in message.fields if is_audited(field))


def parameters_of(request: Any) -> dict[str, Any]:
    """The shown fields of a request that are present, under CloudTrail's names."""
    return {name: value for name, read in _readers(request.DESCRIPTOR) if (value := read(request)) is not None}


def marked_parameters_of(request: Any) -> dict[str, Any]:
    """As `parameters_of`, with a mark for a field that cannot be shown. Raises: nothing, whatever the fields hold."""
    marked = {name: shown(partial(read, request)) for name, read in _readers(request.DESCRIPTOR)}
    return {name: value for name, value in marked.items() if value is not None}


def _reader(field: FieldDescriptor) -> Reader:
    """How to read one field, decided once; what is commonest by the shortest way."""
    name = field.name
    if field.is_repeated or is_secret(field):
        return lambda message: _value(field, message)
    if field.type == FieldDescriptor.TYPE_STRING:
        return lambda message: _text(getattr(message, name)) if message.HasField(name) else None
    if field.type == FieldDescriptor.TYPE_ENUM:
        return lambda message: _enum(field, getattr(message, name))
    return lambda message: _value(field, message)


def message_as_record(message: Any) -> dict[str, Any]:
    """A whole answer message under CloudTrail's names, without secret fields."""
    return {lower_camel(f.name): value for f in message.DESCRIPTOR.fields if (value := _value(f, message)) is not None}


def _value(field: FieldDescriptor, message: Any) -> Any:
    if is_secret(field) or field.type == FieldDescriptor.TYPE_BYTES:
        return None
    value = getattr(message, field.name)
    if field.is_repeated:
        return _repeated(field, value) if len(value) <= ITEMS_SHOWN_MAX else _cut_items(field, message)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return _enum(field, value)
    if not message.HasField(field.name):
        return None
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        return _text(value) if isinstance(value, str) else value
    if message_of(field).full_name == TIMESTAMP:
        return _time(value)
    return message_as_record(value)


def _time(value: Any) -> Any:
    if not is_moment(value):
        return {CUT: {"seconds": value.seconds, "nanos": value.nanos}}
    return shown_time(value.ToDatetime())


def _text(value: str) -> Any:
    return value if len(value) <= RECORD_BYTES_MAX else cut(value)


def _cut_items(field: FieldDescriptor, message: Any) -> dict[str, Any]:
    values = getattr(message, field.name)
    alone = type(message)()
    getattr(alone, field.name).MergeFrom(values)
    written = alone.SerializeToString(deterministic=True)
    return {CUT: {"items": len(values), "bytes": len(written), "sha256": sha256(written).hexdigest()}}


def _enum(field: FieldDescriptor, number: int) -> str | None:
    if number == 0:
        return None
    try:
        return enum_aws_value(field, number)
    except KeyError:
        return str(number)


def _repeated(field: FieldDescriptor, values: Any) -> Any:
    if not values:
        return None
    if field.type == FieldDescriptor.TYPE_ENUM:
        return [_enum(field, number) for number in values]
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        return list(values)
    if is_map(field):
        return dict(values)
    return [message_as_record(value) for value in values]
