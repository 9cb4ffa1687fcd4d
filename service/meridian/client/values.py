"""Messages inside requests, from whatever a caller may give for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from google.protobuf import any_pb2, timestamp_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from meridian.client.misspelt import nearest
from meridian.client.words import BY_ENUM

M = TypeVar("M", bound=Message)


def message(kind: type[M], given: M | Mapping[str, object] | None) -> M | None:
    """A message as it is, or made of its fields, AWS's words for enums among them.

    Raises: TypeError for another message, or a field that the message does not have; ValueError for a word that is none.
    """
    if given is None or isinstance(given, kind):
        return given
    if not isinstance(given, Mapping):
        raise TypeError(f"a {kind.DESCRIPTOR.name} or its fields are needed, not {_what(given)}")
    return kind(**{name: _value(kind, name, value) for name, value in given.items() if value is not None})


def messages(kind: type[M], given: Sequence[M | Mapping[str, object]] | None) -> list[M]:
    """A list of messages. Raises: the same."""
    if isinstance(given, Mapping | str | bytes):
        raise TypeError(f"a list of {kind.DESCRIPTOR.name} is needed, not {_what(given)}")
    return [made for each in given or () if (made := message(kind, each)) is not None]


def texts(name: str, given: Sequence[str] | None) -> Sequence[str] | None:
    """A list of texts; one text is none, though Python takes it for a list of its letters. Raises: TypeError."""
    if isinstance(given, str | bytes):
        raise TypeError(f"{name}: a list of texts is needed, not one text")
    return given


def moment(given: datetime | timestamp_pb2.Timestamp | None) -> timestamp_pb2.Timestamp | None:
    """A moment; a time without a zone is one of UTC. Raises: TypeError."""
    if given is None or isinstance(given, timestamp_pb2.Timestamp):
        return given
    if not isinstance(given, datetime):
        raise TypeError(f"a datetime or a Timestamp is needed, not {_what(given)}")
    made = timestamp_pb2.Timestamp()
    made.FromDatetime(given)
    return made


def packed(given: Message) -> any_pb2.Any:
    """A request that another request carries. Raises: TypeError."""
    if isinstance(given, any_pb2.Any):
        return given
    if not isinstance(given, Message):
        raise TypeError(f"a request's message is needed, not {_what(given)}")
    made = any_pb2.Any()
    made.Pack(given)
    return made


def _value(kind: type[Message], name: str, value: object) -> object:
    fields: Any = kind.DESCRIPTOR.fields_by_name
    field = fields.get(name)
    if field is None:
        raise TypeError(f"{kind.DESCRIPTOR.name} has no field {name}{nearest(name, fields)}")
    return _converted(field, value)


def _converted(field: FieldDescriptor, value: Any) -> object:
    if field.type == FieldDescriptor.TYPE_ENUM and field.enum_type is not None:
        words = BY_ENUM[field.enum_type.full_name]
        return words.many(value) if field.is_repeated else words.number(value)
    if field.type == FieldDescriptor.TYPE_MESSAGE and field.message_type is not None:
        inner: Any = GetMessageClass(field.message_type)
        if field.message_type.GetOptions().map_entry:
            return value
        if inner is timestamp_pb2.Timestamp:
            return moment(value)
        return messages(inner, value) if field.is_repeated else message(inner, value)
    return texts(field.name, value) if field.is_repeated else value


def _what(given: object) -> str:
    """What somebody gave, without its value: it may be a secret."""
    return f"a {given.DESCRIPTOR.name}" if isinstance(given, Message) else f"a {type(given).__name__}"
