"""AWS JSON 1.1 ↔ messages, driven by the message descriptors: no operation has code of its own here.

Source: Smithy, AWS JSON 1.1 protocol: blobs as base64, timestamps as seconds since 1970, enums by their AWS value.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, NamedTuple

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from meridian.contract.catalog import TIMESTAMP, aws_member_name, is_listed, is_map, is_required, items_max, message_of
from meridian.contract.enums import enum_aws_value, enum_of, enum_values
from meridian.contract.field_limits import A_MOMENT, sentence
from meridian.contract.names import lower_camel
from meridian.errors import SerializationException, ValidationException
from meridian.transport.aws_json.strict_json import parse

OURS: Final = frozenset({"account_delegation"})
"""Fields that the contract has beside AWS's; the AWS wire does not show them."""

INT32: Final = range(-(2**31), 2**31)


class Member(NamedTuple):
    """A field of a message, with what its descriptor says of it, which takes long to ask."""

    field: FieldDescriptor
    name: str
    shown_name: str
    """In refusals."""
    is_map: bool


@cache
def _members(descriptor: Descriptor) -> dict[str, Member]:
    fields = [field for field in descriptor.fields if field.name not in OURS]
    return {aws_member_name(field): Member(field, field.name, lower_camel(field.name), is_map(field)) for field in fields}


def read(body: bytes, message: type[Message]) -> Message:
    """The request in a body. Members that the contract does not know are passed over, as AWS does.

    Of a list that is too long so many items are read that its check refuses it. Raises: SerializationException for what is no JSON,
    names a member twice, is of another type or longer than any request; ValidationException for an unknown enum value.
    """
    request = message()
    _fill(request, parse(body) if body else {}, "")
    return request


def unknown_members(body: bytes, message: type[Message]) -> list[str]:
    """What stands in a body that `read` has read, and passes over. Raises: SerializationException."""
    return [name for name in (parse(body) if body else {}) if name not in _members(message.DESCRIPTOR)]


def _fill(message: Any, document: Any, path: str) -> None:
    if not isinstance(document, dict):
        raise SerializationException(f"{path or 'The request'} is not a JSON object.")
    members = _members(message.DESCRIPTOR)
    for name, value in document.items():
        member = members.get(name)
        if member is None or value is None:
            continue
        field, place = member.field, f"{path}{member.shown_name}"
        if member.is_map:
            _fill_map(getattr(message, member.name), value, place)
        elif field.is_repeated:
            _fill_list(getattr(message, member.name), field, value, place)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            _fill_message(getattr(message, member.name), field, value, place)
        else:
            setattr(message, member.name, _scalar(field, value, place))


def _fill_map(target: Any, value: Any, place: str) -> None:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise SerializationException(f"{place} is not an object of strings.")
    target.update(value)


def _fill_list(target: Any, field: FieldDescriptor, value: Any, place: str) -> None:
    if not isinstance(value, list):
        raise SerializationException(f"{place} is not a list.")
    if not value and is_required(field):  # a message cannot tell it from a list that was not sent
        raise ValidationException.of_constraints([sentence(place, " '[]'", "Member must have length greater than or equal to 1")])
    for number, item in enumerate(value[: items_max(field) + 1], 1):
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            _fill(target.add(), item, f"{place}.{number}.member.")
        else:
            target.append(_scalar(field, item, f"{place}.{number}.member"))


def _fill_message(target: Any, field: FieldDescriptor, value: Any, place: str) -> None:
    target.SetInParent()
    if message_of(field).full_name != TIMESTAMP:
        _fill(target, value, f"{place}.")
        return
    try:
        target.FromDatetime(datetime.fromisoformat(value) if isinstance(value, str) else _moment(value, place))
    except OverflowError as fault:  # its offset leads out of the years that there are
        raise _no_moment(value, place) from fault
    except (ValueError, TypeError) as fault:
        raise SerializationException(f"{place} is not a time.") from fault


def _moment(value: Any, place: str) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("no number")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as fault:  # OSError: beyond what the machine's calendar knows
        raise _no_moment(value, place) from fault


def _no_moment(value: Any, place: str) -> ValidationException:
    return ValidationException.of_constraints([sentence(place, f" '{value}'", A_MOMENT)])


def _scalar(field: FieldDescriptor, value: Any, place: str) -> Any:
    if field.type == FieldDescriptor.TYPE_ENUM:
        return _enum_number(field, value, place)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _bytes(value, place)
    if field.type == FieldDescriptor.TYPE_BOOL:
        fits = isinstance(value, bool)
    elif field.type == FieldDescriptor.TYPE_STRING:
        fits = isinstance(value, str)
    else:
        fits = isinstance(value, int) and not isinstance(value, bool) and value in INT32
    if not fits:
        raise SerializationException(f"{place} is of another type.")
    return value


def _bytes(value: Any, place: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError) as fault:
        raise SerializationException(f"{place} is not base64.") from fault


def _enum_number(field: FieldDescriptor, value: Any, place: str) -> int:
    if not isinstance(value, str):
        raise SerializationException(f"{place} is of another type.")
    values = enum_values(enum_of(field))
    number = next((n for n, name in values.items() if name == value), None)
    if number is None:
        constraint = f"Member must satisfy enum value set: [{', '.join(values.values())}]"
        raise ValidationException.of_constraints([sentence(place, f" '{value}'", constraint)])
    return number


def write(message: Message) -> bytes:
    """The body of an answer; empty for an operation that answers nothing."""
    if not message.DESCRIPTOR.fields:
        return b""
    return orjson.dumps(_document(message))


def _document(message: Any) -> dict[str, Any]:
    document = {}
    for name, member in _members(message.DESCRIPTOR).items():
        value = _shown(message, member)
        if value is not None:
            document[name] = value
    return document


def _shown(message: Any, member: Member) -> Any:
    field, value = member.field, getattr(message, member.name)
    if member.is_map:
        return dict(value) or None
    if field.is_repeated:
        return [_value(field, item) for item in value] if value or is_listed(field) else None
    if field.type == FieldDescriptor.TYPE_ENUM:
        return enum_aws_value(field, value) or None
    return _value(field, value) if message.HasField(member.name) else None


def _value(field: FieldDescriptor, value: Any) -> Any:
    if field.type == FieldDescriptor.TYPE_BYTES:
        return base64.b64encode(value).decode()
    if field.type == FieldDescriptor.TYPE_ENUM:
        return enum_aws_value(field, value)
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        return value
    if message_of(field).full_name == TIMESTAMP:
        return round(value.seconds + value.nanos / 10**9, 3)
    return _document(value)


def as_json(fields: Mapping[str, str]) -> bytes:
    """A small document, for example an error."""
    return orjson.dumps(dict(fields))
