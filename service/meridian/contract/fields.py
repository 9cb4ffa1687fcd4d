"""Reads fields of a request by their names, where several operations have a field of the same name.

Who knows which message he has reads its attributes instead, which mypy checks. Raises: AttributeError or KeyError for a message without
the field: the tables that name fields are compared with the contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from meridian.contract.enums import enum_aws_value
from meridian.kms.v1.types_pb2 import Tag


def descriptor_of(message: Message | type[Message]) -> Descriptor:
    """What declares a message. The stubs name the classes of two implementations of protobuf here, and the one of all elsewhere."""
    found: Any = message.DESCRIPTOR
    declared: Descriptor = found
    return declared


def text_of(message: Message, field: str) -> str:
    """The value of a text field; empty where it is not given."""
    return str(getattr(message, field))


def enum_text_of(message: Message, field: str) -> str:
    """The AWS value of an enum field; empty where it is not given, or the message has no such field."""
    descriptor = descriptor_of(message).fields_by_name.get(field)
    return "" if descriptor is None else enum_aws_value(descriptor, getattr(message, field))


def is_given(message: Message, field: str) -> bool:
    """Whether a field is present: a list where it is not empty."""
    if message.DESCRIPTOR.fields_by_name[field].is_repeated:
        return bool(getattr(message, field))
    return message.HasField(field)


def tags_of(message: Message) -> Sequence[Tag]:
    """The tags that a request gives to a key."""
    found: Sequence[Tag] = getattr(message, "tags")  # noqa: B009 - of three operations
    return found
