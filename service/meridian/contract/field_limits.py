"""The limits that the contract declares, compiled once per message into checks.

Messages of refusals follow AWS: every broken constraint at once, the value shown unless the field is secret or bytes.

Source: AWS KMS API Reference, Common errors (ValidationError); recorded answers for the wording.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from meridian.contract.catalog import TIMESTAMP, is_map, is_secret, items_max, limits_of, message_of
from meridian.contract.enums import enum_of, enum_values
from meridian.contract.names import lower_camel
from meridian.options.v1 import options_pb2

Fault = tuple[str, str]
Check = Callable[[Any, str, list[Fault]], None]

NUL: Final = "\0"
SECONDS: Final = range(-62_135_596_800, 253_402_300_800)
"""Since 1970, of the moments that a Timestamp may name: the years 1 to 9999. Beyond them it is no moment, and nobody can write it."""
NANOS: Final = range(1_000_000_000)
SHOWN_MAX: Final = 640
"""Characters of a value in a refusal: beyond them the sentence would lose its end on the way, the limit that was broken."""
A_MOMENT: Final = "Member must be a time between the years 1 and 9999"


@cache
def checks_of(descriptor: Descriptor) -> tuple[Check, ...]:
    """The checks of a message type, in the order of its fields."""
    return tuple(check for field in descriptor.fields if (check := _field_check(field)) is not None)


def faults_of(message: Message, prefix: str = "") -> list[Fault]:
    """Every broken constraint of a message as (field path, sentence)."""
    faults: list[Fault] = []
    for check in checks_of(message.DESCRIPTOR):
        check(message, prefix, faults)
    return faults


def faults_of_field(message: Message, name: str) -> list[Fault]:
    """Every broken constraint of one field of a message."""
    faults: list[Fault] = []
    check = _check_of(message.DESCRIPTOR, name)
    if check is not None:
        check(message, "", faults)
    return faults


@cache
def _check_of(descriptor: Descriptor, name: str) -> Check | None:
    return _field_check(descriptor.fields_by_name[name])


def sentence(path: str, shown: str, constraint: str) -> Fault:
    """The broken constraint of a field; `shown` is its value, in quotes after a blank, or empty where it is not shown."""
    return path, f"Value{shown} at '{path}' failed to satisfy constraint: {constraint}"


def _shown(field: FieldDescriptor, value: Any) -> str:
    if is_secret(field) or isinstance(value, bytes):
        return ""
    text = str(value)
    return f" '{text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + '…'}'"


def _field_check(field: FieldDescriptor) -> Check | None:
    """The check of a field; None where the contract limits nothing. Maps have no limits in the model; the encoded size of an
    encryption context is checked where it is encoded."""
    if field.is_repeated:
        return None if is_map(field) else _list_check(field)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return _enum_check(field)
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return _message_check(field)
    return _scalar_check(field)


def _scalar_check(field: FieldDescriptor) -> Check | None:
    name, path = field.name, lower_camel(field.name)
    limits = limits_of(field)
    required = limits is not None and limits.required
    value_check = _value_check(field, limits)
    if value_check is None and not required:
        return None

    has_presence = field.has_presence

    def check(message: Any, prefix: str, faults: list[Fault]) -> None:
        if message.HasField(name) if has_presence else getattr(message, name):
            if value_check is not None:
                value_check(getattr(message, name), prefix + path, faults)
        elif required:
            faults.append(sentence(prefix + path, " null", "Member must not be null"))

    return check


def _value_check(field: FieldDescriptor, limits: options_pb2.Limits | None) -> Callable[[Any, str, list[Fault]], None] | None:
    is_text = field.type == FieldDescriptor.TYPE_STRING
    is_bounded = limits is not None and (limits.HasField("min") or limits.HasField("max") or limits.pattern)
    if not is_bounded and not is_text:
        return None
    low = limits.min if limits is not None and limits.HasField("min") else None
    high = limits.max if limits is not None and limits.HasField("max") else None
    pattern = re.compile(limits.pattern) if limits is not None and limits.pattern else None
    measured = field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
    what = "length" if measured else "value"

    def check(value: Any, path: str, faults: list[Fault]) -> None:
        size = len(value) if measured else value
        if high is not None and size > high:
            faults.append(sentence(path, _shown(field, value), f"Member must have {what} less than or equal to {high}"))
        if low is not None and size < low:
            faults.append(sentence(path, _shown(field, value), f"Member must have {what} greater than or equal to {low}"))
        if is_text and NUL in value:  # no database keeps it, and no name or description needs it
            faults.append(sentence(path, "", "Member must not contain the character U+0000"))
        elif pattern is not None and pattern.fullmatch(value) is None and size:
            constraint = f"Member must satisfy regular expression pattern: {pattern.pattern}"
            faults.append(sentence(path, _shown(field, value), constraint))

    return check


def _enum_fault(field: FieldDescriptor, number: int, path: str) -> Fault:
    members = ", ".join(enum_values(enum_of(field)).values())
    return sentence(path, f" '{number}'", f"Member must satisfy enum value set: [{members}]")


def _enum_check(field: FieldDescriptor) -> Check:
    name, path = field.name, lower_camel(field.name)
    limits = limits_of(field)
    required = limits is not None and limits.required
    known = frozenset(enum_values(enum_of(field))) | {0}

    def check(message: Any, prefix: str, faults: list[Fault]) -> None:
        number = getattr(message, name)
        if number not in known:
            faults.append(_enum_fault(field, number, prefix + path))
        elif required and number == 0:
            faults.append(sentence(prefix + path, " null", "Member must not be null"))

    return check


def is_moment(timestamp: Any) -> bool:
    """Whether a Timestamp is one: another cannot be turned into a time."""
    return timestamp.seconds in SECONDS and timestamp.nanos in NANOS


def _inner_check(field: FieldDescriptor) -> Check:
    """The check of one message inside another, given the place where it stands."""
    if message_of(field).full_name != TIMESTAMP:
        return lambda inner, place, faults: faults.extend(faults_of(inner, f"{place}."))

    def check(moment: Any, place: str, faults: list[Fault]) -> None:
        if not is_moment(moment):
            shown = f" '{moment.seconds}s {moment.nanos}ns'"
            faults.append(sentence(place, shown, A_MOMENT))

    return check


def _message_check(field: FieldDescriptor) -> Check:
    name, path = field.name, lower_camel(field.name)
    limits = limits_of(field)
    required = limits is not None and limits.required
    inner_check = _inner_check(field)

    def check(message: Any, prefix: str, faults: list[Fault]) -> None:
        if message.HasField(name):
            inner_check(getattr(message, name), prefix + path, faults)
        elif required:
            faults.append(sentence(prefix + path, " null", "Member must not be null"))

    return check


def _list_check(field: FieldDescriptor) -> Check:
    name, path = field.name, lower_camel(field.name)
    limits = limits_of(field)
    items = limits.items if limits is not None and limits.HasField("items") else None
    item_check = _value_check(field, items)
    low = limits.min if limits is not None and limits.HasField("min") else None
    high = items_max(field)
    required = limits is not None and limits.required
    known = frozenset(enum_values(enum_of(field))) if field.type == FieldDescriptor.TYPE_ENUM else None
    inner_check = _inner_check(field) if field.type == FieldDescriptor.TYPE_MESSAGE else None

    def check(message: Any, prefix: str, faults: list[Fault]) -> None:
        values = getattr(message, name)
        if not values:
            if required:
                faults.append(sentence(prefix + path, " null", "Member must not be null"))
            return
        if len(values) > high:
            faults.append(sentence(prefix + path, "", f"Member must have length less than or equal to {high}"))
            return  # its members are not looked at: a message holds a hundred thousand of them
        if low is not None and len(values) < low:
            faults.append(sentence(prefix + path, "", f"Member must have length greater than or equal to {low}"))
        for number, value in enumerate(values, 1):
            place = f"{prefix}{path}.{number}.member"
            if known is not None and value not in known:
                faults.append(_enum_fault(field, value, place))
            elif item_check is not None:
                item_check(value, place, faults)
            elif inner_check is not None:
                inner_check(value, place, faults)

    return check
