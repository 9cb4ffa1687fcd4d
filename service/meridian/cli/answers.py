"""Answers as JSON, as tables, and one member alone."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from meridian.cli.forms import WRITERS
from meridian.cli.query import select
from meridian.cli.tables import print_table
from meridian.cli.terminal import say
from meridian.contract.catalog import TIMESTAMP, aws_member_name, is_listed, is_map, message_of
from meridian.contract.enums import enum_aws_value
from meridian.domain.close_names import did_you_mean

if TYPE_CHECKING:
    from jmespath.parser import ParsedResult


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
    if message_of(field).full_name == TIMESTAMP:
        return value.ToJsonString()
    return as_json(value)


def path_of(descriptor: Descriptor, path: str) -> list[FieldDescriptor]:
    """The fields along a dotted path of AWS's names. Raises: click.BadParameter, before anything is called."""
    fields: list[FieldDescriptor] = []
    inside: Descriptor | None = descriptor
    for step in path.split("."):
        if inside is None:
            raise click.BadParameter(f"nothing inside {aws_member_name(fields[-1])}", param_hint="--field")
        field = next((each for each in inside.fields if step in (aws_member_name(each), each.name)), None)
        if field is None:
            names = ", ".join(aws_member_name(each) for each in inside.fields)
            meant = did_you_mean(step, (aws_member_name(each) for each in inside.fields))
            raise click.BadParameter(f"the answer has no {step}, but {names or 'nothing'}{meant}", param_hint="--field")
        fields.append(field)
        inside = None if field.is_repeated or field.type != FieldDescriptor.TYPE_MESSAGE else message_of(field)
    return fields


def member(message: Any, path: Sequence[FieldDescriptor], *, as_base64: bool) -> bytes:
    """One member of an answer as it is printed: bytes raw, texts as they are, structures as JSON; nothing where it is left out."""
    *outer, field = path
    for each in outer:
        message = getattr(message, each.name)
    value = getattr(message, field.name)
    if isinstance(value, bytes) and not as_base64:
        return value
    if is_map(field):
        shown: Any = dict(value)
    elif field.is_repeated:
        shown = [_json_value(field, item) for item in value]
    elif field.type == FieldDescriptor.TYPE_ENUM:
        shown = _json_value(field, value) if value else ""
    else:
        shown = _json_value(field, value) if message.HasField(field.name) else ""
    return f"{shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)}\n".encode()


def print_answer(message: Any, output: str | None, query: ParsedResult | None) -> None:
    """Print an answer, or what a query finds in it, in one of the forms. Raises: OutputError; click.BadParameter for the query."""
    shown: Any = as_json(message)
    form = output or output_here()
    if query is not None:
        shown = select(query, shown)
    if form in WRITERS:
        say(WRITERS[form](shown))
    elif isinstance(shown, dict):
        _print_tables(shown)
    else:
        _print_tables({"value": shown})


def _print_tables(shown: dict[str, Any]) -> None:
    """One of its members, one for each list with a row for each item."""
    lists = {name: value for name, value in shown.items() if isinstance(value, list) and value and isinstance(value[0], dict)}
    for items in lists.values():
        rows = [dict(_rows(item)) for item in items]
        columns = list(dict.fromkeys(name for row in rows for name in row))
        print_table(columns, [[row.get(name, "") for name in columns] for row in rows])
    rest = _rows({name: value for name, value in shown.items() if name not in lists})
    if rest:
        print_table(["name", "value"], rest, show_header=False)


def output_here() -> str:
    """How an answer is printed when nobody says how: a table on a terminal."""
    return "table" if sys.stdout is not None and sys.stdout.isatty() else "json"


def _rows(shown: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in shown.items():
        if isinstance(value, dict):
            rows += _rows(value, f"{prefix}{name}.")
        elif isinstance(value, list) and all(isinstance(item, str) for item in value):
            rows.append((prefix + name, "\n".join(value)))
        else:
            rows.append((prefix + name, value if isinstance(value, str) else json.dumps(value)))
    return rows
