"""Command-line values into request fields."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any, Final

import click
from google.protobuf.descriptor import FieldDescriptor

from meridian.cli.exit_codes import USAGE
from meridian.cli.short_files import read_up_to
from meridian.cli.words import Word
from meridian.contract.catalog import TIMESTAMP, aws_member_name, is_map, is_secret, limits_of, message_of
from meridian.contract.comments import comment_on
from meridian.contract.enums import enum_number, enum_of, enum_values
from meridian.contract.limits_in_words import size_in_words
from meridian.domain.close_names import did_you_mean
from meridian.domain.limits import Limits
from meridian.domain.strict_json import parse_json
from meridian.errors import KmsError
from meridian.regular_file import up_to

FILE, TEXT, JSON, TIME = "FILE|-", "TEXT|@FILE", "JSON|@FILE", "TIME"
"""How help names values that are not what is typed."""
INT32: Final = 2**31
STANDARD_INPUT: Final = "meridian.cli.standard_input"
"""Where a command remembers for which option its standard input was read: a second one would find it empty."""
SHOWN_MAX: Final = 100
"""Characters of a value that is refused."""
REQUEST_BYTES_MAX: Final = Limits().request_bytes
"""The largest request of the contract: no file that is longer can be part of one."""


class _Int32(click.IntRange):
    """What the field can hold. What it may be, the contract says, and with it the help of the option."""

    name = "integer"

    def _describe_range(self) -> str:
        return ""


def option_name(field: FieldDescriptor) -> str:
    """The name of the option that sets a request field."""
    return f"--{field.name.replace('_', '-')}"


def option_of(field: FieldDescriptor) -> click.Option:
    """The option that sets a request field; its help is what the contract says of the field."""
    name, many, about = option_name(field), field.is_repeated, f"{comment_on(field)} {size_in_words(field)}".strip()
    limits = limits_of(field)
    needed = " [required]" if limits is not None and limits.required else ""
    more = f"{' May be given again.' if many else ''}{needed}"
    again = f"{about}{more}"
    if field.type == FieldDescriptor.TYPE_BOOL:
        return click.Option([f"{name}/--no-{name[2:]}", field.name], default=None, help=again)
    if is_map(field) or (field.type == FieldDescriptor.TYPE_MESSAGE and message_of(field).name == "Tag"):
        return click.Option([name, field.name], multiple=True, metavar="NAME=VALUE", help=f"{about} May be given again.{needed}")
    if field.type == FieldDescriptor.TYPE_ENUM:
        choice = Word(list(enum_values(enum_of(field)).values()))
        return click.Option([name, field.name], type=choice, multiple=many, help=again)
    if field.type == FieldDescriptor.TYPE_MESSAGE and message_of(field).full_name == TIMESTAMP:
        return click.Option([name, field.name], metavar=TIME, multiple=many, help=f"{about} As 2027-01-31T12:00:00Z.{needed}")
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        members = ", ".join(aws_member_name(each) for each in message_of(field).fields)
        text = f"{about} As JSON of {members}; @FILE reads it from a file, @- from standard input.{needed}"
        return click.Option([name, field.name], metavar=JSON, multiple=many, help=text)
    if field.type == FieldDescriptor.TYPE_BYTES or is_secret(field):
        return click.Option([name, field.name], metavar=FILE, multiple=many, help=f"{about} A file, or - for standard input.{more}")
    if field.type == FieldDescriptor.TYPE_INT32:
        return click.Option([name, field.name], type=_Int32(-INT32, INT32 - 1), multiple=many, help=again)
    if field.name == "policy":
        text = f"{about} @FILE reads it from a file, @- from standard input.{needed}"
        return click.Option([name, field.name], metavar=TEXT, multiple=many, help=text)
    return click.Option([name, field.name], multiple=many, help=again)


def set_field(request: Any, field: FieldDescriptor, value: Any, *, base64_input: bool) -> None:
    """Put an option's value into the request. Raises: click.BadParameter."""
    if value is None or value == ():
        return
    if is_map(field):
        getattr(request, field.name).update(_pairs(field, value))
    elif field.is_repeated and field.type == FieldDescriptor.TYPE_MESSAGE and message_of(field).name == "Tag":
        for key, text in _pairs(field, value).items():
            getattr(request, field.name).add(tag_key=key, tag_value=text)
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        getattr(request, field.name).CopyFrom(_message(request, field, value))
    elif field.is_repeated:
        getattr(request, field.name).extend(_single(field, item, base64_input) for item in value)
    else:
        setattr(request, field.name, _single(field, value, base64_input))


def _pairs(field: FieldDescriptor, values: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for value in values:
        name, found, text = value.partition("=")
        if not found:
            raise click.BadParameter(f"{value!r} is not NAME=VALUE", param_hint=option_name(field))
        if name in pairs:
            raise click.BadParameter(f"{name!r} is given more than once", param_hint=option_name(field))
        pairs[name] = text
    return pairs


def _single(field: FieldDescriptor, value: Any, base64_input: bool) -> Any:
    if field.type == FieldDescriptor.TYPE_ENUM:
        return enum_number(field, value)
    if field.type == FieldDescriptor.TYPE_BYTES:
        data = read_bytes(value, option_name(field), REQUEST_BYTES_MAX)
        return _from_base64(data, value, option_name(field)) if base64_input else data
    if is_secret(field):
        return _read_text(value, option_name(field)).strip()
    if field.name == "policy" and value.startswith("@"):
        return _read_text(value[1:], option_name(field))
    return value


def _message(request: Any, field: FieldDescriptor, value: str) -> Any:
    """A message from its text. Raises: click.BadParameter."""
    # Not above: few calls need it.
    from meridian.transport.aws_json.codec import read

    option = option_name(field)
    is_time = message_of(field).full_name == TIMESTAMP
    text = _read_text(value[1:], option) if value.startswith("@") and not is_time else value
    try:
        document = value if is_time else parse_json(text)
        if not is_time and not isinstance(document, dict):
            raise ValueError("must be a JSON object")
        unknown = [] if is_time else sorted(set(document) - {aws_member_name(each) for each in message_of(field).fields})
        if unknown:
            meant = did_you_mean(unknown[0], (aws_member_name(each) for each in message_of(field).fields))
            raise ValueError(f"there is no {', '.join(unknown)}{meant}")
        body = json.dumps({aws_member_name(field): document}).encode()
        return getattr(read(body, type(request)), field.name)
    except KmsError as fault:
        raise click.BadParameter(fault.message, param_hint=option) from fault
    except (ValueError, RecursionError) as fault:
        raise click.BadParameter(f"{value[:SHOWN_MAX]}: {fault}", param_hint=option) from fault


class FileOfOptionError(click.ClickException):
    """What an option names cannot be used; one line says why."""

    exit_code = USAGE

    def __init__(self, option: str, place: str, fault: str | None) -> None:
        super().__init__(f"{option}: {place}: {fault}")


def read_bytes(place: str, option: str, most: int) -> bytes:
    """The bytes of a file, or of standard input for `-`; no more than one above `most` is read. Raises: FileOfOptionError."""
    try:
        if place == "-":
            _take_standard_input(option)
            return up_to(sys.stdin.buffer.read(most + 1), most)
        return read_up_to(Path(place.removeprefix("fileb://").removeprefix("file://")), most)
    except OSError as fault:
        raise FileOfOptionError(option, place, fault.strerror) from fault


def _take_standard_input(option: str) -> None:
    """Raises: FileOfOptionError."""
    command = click.get_current_context(silent=True)
    if command is None:
        return
    if STANDARD_INPUT in command.meta:
        raise FileOfOptionError(option, "-", f"standard input was read for {command.meta[STANDARD_INPUT]}")
    command.meta[STANDARD_INPUT] = option


def _read_text(place: str, option: str) -> str:
    try:
        return read_bytes(place, option, REQUEST_BYTES_MAX).decode()
    except UnicodeDecodeError as fault:
        raise FileOfOptionError(option, place, "is no UTF-8 text") from fault


def _from_base64(data: bytes, place: str, option: str) -> bytes:
    try:
        return base64.b64decode(data)
    except ValueError as fault:
        raise FileOfOptionError(option, place, "is no base64") from fault
