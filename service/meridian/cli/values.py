"""Command-line values into request fields, and answers into JSON and tables."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any, Final

import click
from google.protobuf.descriptor import FieldDescriptor

from meridian.catalog import aws_member_name, enum_aws_value, enum_number, enum_of, enum_values, is_listed, is_map, is_secret, message_of
from meridian.cli.short_files import read_up_to
from meridian.cli.tables import print_table
from meridian.cli.terminal import say
from meridian.domain.limits import Limits
from meridian.regular_file import up_to

INT32: Final = 2**31
REQUEST_BYTES_MAX: Final = Limits().request_bytes
"""The largest request of the contract: no file that is longer can be part of one."""


def option_name(field: FieldDescriptor) -> str:
    """The name of the option that sets a request field."""
    return f"--{field.name.replace('_', '-')}"


def option_of(field: FieldDescriptor) -> click.Option:
    """The option that sets a request field."""
    name = option_name(field)
    many = field.is_repeated
    if field.type == FieldDescriptor.TYPE_BOOL:
        return click.Option([f"{name}/--no-{name[2:]}", field.name], default=None)
    if is_map(field):
        return click.Option([name, field.name], multiple=True, metavar="NAME=VALUE")
    if field.type == FieldDescriptor.TYPE_ENUM:
        choice = click.Choice(list(enum_values(enum_of(field)).values()))
        return click.Option([name, field.name], type=choice, multiple=many)
    if field.type == FieldDescriptor.TYPE_BYTES or is_secret(field):
        return click.Option([name, field.name], metavar="FILE|-", multiple=many, help="A file, or - for standard input.")
    if field.type == FieldDescriptor.TYPE_INT32:
        return click.Option([name, field.name], type=click.IntRange(-INT32, INT32 - 1), multiple=many)
    if field.type == FieldDescriptor.TYPE_MESSAGE and message_of(field).name == "Tag":
        return click.Option([name, field.name], multiple=True, metavar="NAME=VALUE")
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return click.Option([name, field.name], metavar="JSON", multiple=many)
    return click.Option([name, field.name], multiple=many)


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
        raise click.BadParameter("is not offered on the command line", param_hint=option_name(field))
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


def read_bytes(place: str, option: str, most: int) -> bytes:
    """The bytes of a file, or of standard input for `-`; no more than one above `most` is read. Raises: click.BadParameter."""
    try:
        if place == "-":
            return up_to(sys.stdin.buffer.read(most + 1), most)
        return read_up_to(Path(place.removeprefix("fileb://").removeprefix("file://")), most)
    except OSError as fault:
        raise click.BadParameter(f"{place}: {fault.strerror}", param_hint=option) from fault


def _read_text(place: str, option: str) -> str:
    try:
        return read_bytes(place, option, REQUEST_BYTES_MAX).decode()
    except UnicodeDecodeError as fault:
        raise click.BadParameter(f"{place}: is no UTF-8 text", param_hint=option) from fault


def _from_base64(data: bytes, place: str, option: str) -> bytes:
    try:
        return base64.b64decode(data)
    except ValueError as fault:
        raise click.BadParameter(f"{place}: is no base64", param_hint=option) from fault


def as_json(message: Any) -> dict[str, Any]:
    """A message under AWS's member names: bytes as base64, times in ISO 8601, enums by their AWS values."""
    shown = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.is_repeated:
            if value or is_listed(field):
                shown[aws_member_name(field)] = dict(value) if is_map(field) else [_json_value(field, item) for item in value]
        elif field.type == FieldDescriptor.TYPE_ENUM:
            if value:
                shown[aws_member_name(field)] = _json_value(field, value)
        elif message.HasField(field.name):
            shown[aws_member_name(field)] = _json_value(field, value)
    return shown


def _json_value(field: FieldDescriptor, value: Any) -> Any:
    if field.type == FieldDescriptor.TYPE_BYTES:
        return base64.b64encode(value).decode()
    if field.type == FieldDescriptor.TYPE_ENUM:
        return enum_aws_value(field, value)
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        return value
    if message_of(field).full_name == "google.protobuf.Timestamp":
        return value.ToJsonString()
    return as_json(value)


def find_field(message: Any, path: str) -> Any:
    """The value at a dotted path of AWS member names. Raises: click.BadParameter."""
    value: Any = message
    for step in path.split("."):
        if not hasattr(value, "DESCRIPTOR"):
            raise click.BadParameter(f"nothing inside {step}", param_hint="field")
        field = next((f for f in value.DESCRIPTOR.fields if step in (aws_member_name(f), f.name)), None)
        if field is None:
            raise click.BadParameter(f"the answer has no {step}", param_hint="field")
        inner = getattr(value, field.name)
        plain = field.type in (FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_BYTES) or field.is_repeated
        value = inner if plain else _json_value(field, inner)
    return value


def print_answer(message: Any, output: str) -> None:
    """Print an answer as JSON or as a table."""
    shown = as_json(message)
    if output == "json":
        say(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    rows = _rows(shown)
    if rows:
        print_table(["name", "value"], rows, show_header=False)


def _rows(shown: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in shown.items():
        if isinstance(value, dict):
            rows += _rows(value, f"{prefix}{name}.")
        else:
            rows.append((prefix + name, value if isinstance(value, str) else json.dumps(value)))
    return rows
