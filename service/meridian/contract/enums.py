"""The values of the contract's enums, as the AWS wire has them."""

from __future__ import annotations

from functools import cache

from google.protobuf.descriptor import EnumDescriptor, EnumValueDescriptor, FieldDescriptor

from meridian.contract.names import snake_case
from meridian.options.v1 import options_pb2


def enum_of(field: FieldDescriptor) -> EnumDescriptor:
    """The enum of an enum field. Raises: TypeError for another field."""
    if field.enum_type is None:
        raise TypeError(f"{field.full_name} is no enum field")
    return field.enum_type


@cache
def _enum_values(enum: EnumDescriptor) -> dict[int, str]:
    prefix = snake_case(enum.name).upper() + "_"
    return {value.number: _aws_value(value, prefix) for value in enum.values if value.number != 0}


def _aws_value(value: EnumValueDescriptor, prefix: str) -> str:
    options = value.GetOptions()
    if options.HasExtension(options_pb2.aws_value):
        return str(options.Extensions[options_pb2.aws_value])
    return value.name.removeprefix(prefix)


def enum_values(enum: EnumDescriptor) -> dict[int, str]:
    """Number → AWS value of an enum, without its unspecified zero."""
    return _enum_values(enum)


def enum_aws_value(field: FieldDescriptor, number: int) -> str:
    """The AWS value of an enum field; empty for unspecified. Raises: KeyError for a number outside the enum."""
    return "" if number == 0 else _enum_values(enum_of(field))[number]


@cache
def _enum_numbers(enum: EnumDescriptor) -> dict[str, int]:
    return {value: number for number, value in _enum_values(enum).items()}


def enum_number(field: FieldDescriptor, aws_value: str) -> int:
    """The number of an AWS value. Raises: KeyError for a value outside the enum."""
    return _enum_numbers(enum_of(field))[aws_value] if aws_value else 0
