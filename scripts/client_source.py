"""The source of a client's methods: one for each operation, and an iterator for each that answers in pages."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from client_contract import (
    ANY,
    answer_of,
    class_of,
    comments,
    fields_class,
    fields_of,
    limits_text,
    page_field,
    request_of,
    required_first,
    type_of,
)
from google.protobuf.descriptor import FieldDescriptor

from meridian.contract.batches import item_rpcs
from meridian.contract.call_times import CRYPTOGRAPHY_SECONDS, seconds_of
from meridian.contract.catalog import TIMESTAMP, Rpc, is_map, is_required, message_of
from meridian.contract.enums import enum_of, enum_values
from meridian.contract.names import snake_case

WIDTH = 140
TIMEOUT = "timeout: float | None = None"
TOKEN = "client_token: str | None = None"  # noqa: S105 - a parameter
CALLER_ID = "caller_request_id: str | None = None"


@dataclass(frozen=True)
class Style:
    """What differs between the two clients."""

    word: str
    """Before each function: `async `."""
    wait: str
    """Before each call: `await `."""
    iterator: str

    def each_of(self, items: str) -> list[str]:
        """Python has no `yield from` in an asynchronous generator."""
        if self.word:
            return [f"            for item in {items}:", "                yield item"]
        return [f"            yield from {items}"]


BLOCKING = Style("", "", "Iterator")
ASYNCIO = Style("async ", "await ", "AsyncIterator")


def constant(name: str) -> str:
    """`GenerateDataKey` → `GENERATE_DATA_KEY`."""
    return snake_case(name).upper()


def method_source(rpc: Rpc, style: Style) -> str:
    """The method of one operation."""
    if rpc.name in item_rpcs():
        return _batch_source(rpc, style)
    parameters = [*_parameters(rpc, ()), *_tail(rpc)]
    arguments = [f"{field.name}={_argument(field)}" for field in fields_of(request_of(rpc))]
    token = "client_token" if rpc.takes_token else "None"
    return "\n".join(
        [
            f"    {style.word}def {rpc.method_name}(self, *, {', '.join(parameters)}) -> {class_of(answer_of(rpc))}:",
            _docstring(rpc, ()),
            f"        request = {class_of(request_of(rpc))}({', '.join(arguments)})",
            f"        return {style.wait}self._send(methods.{constant(rpc.name)}, request, timeout, {token}, caller_request_id)",
        ]
    )


def iterator_source(rpc: Rpc, style: Style) -> str:
    """The iterator of an operation that answers in pages; empty for others."""
    items = page_field(rpc)
    if items is None:
        return ""
    name = "iterate_" + rpc.method_name.partition("_")[2]
    item = class_of(message_of(items)) if items.type == FieldDescriptor.TYPE_MESSAGE else "str"
    left_out = ("marker",)
    given = [f"{f.name}={f.name}" for f in fields_of(request_of(rpc)) if f.name not in left_out]
    call = f"self.{rpc.method_name}({', '.join([*given, 'marker=marker', 'timeout=timeout', 'caller_request_id=caller_request_id'])})"
    parameters = [*_parameters(rpc, left_out), TIMEOUT, CALLER_ID]
    return "\n".join(
        [
            f"    {style.word}def {name}(self, *, {', '.join(parameters)}) -> {style.iterator}[{item}]:",
            _docstring(rpc, left_out, items),
            "        marker: str | None = None",
            "        while True:",
            f"            page = {style.wait}{call}",
            *style.each_of(f"page.{items.name}"),
            "            if not page.truncated:",
            "                return",
            "            marker = page.next_marker",
        ]
    )


def _batch_source(rpc: Rpc, style: Style) -> str:
    item = item_rpcs()[rpc.name]
    kind, answer = request_of(item), class_of(answer_of(item))
    given = f"items: Sequence[{class_of(kind)} | fields.{fields_class(kind)}]"
    lines = [
        f"    {style.word}def {rpc.method_name}(self, {given}, *, {TIMEOUT}, {CALLER_ID}) -> list[{answer} | KmsServiceError]:",
        *_indented(comments()[rpc.path], 8, first='"""'),
        "",
        *_indented(
            "Any number of items is sent in as few messages as a Region takes; what it throttles is sent again within the time. The answer "
            "has of each item its answer or its `KmsServiceError`, in their order, and none of these is raised.",
            8,
        ),
        "",
        "        Args:",
        *_entry("items", f"Fields of `{item.method_name}`, or its requests."),
        *_entry("timeout", f"Seconds for all items; {_seconds(rpc)} unless it is given."),
        *_entry("caller_request_id", "A name of the caller's own in the audit records."),
        "",
        "        Raises:",
        *_entry("ValueError", "for an item that no message holds, a word that is none, or a timeout that is none."),
        *_entry("TypeError", "for what is no item."),
        '        """',
        f"        outcomes: list[{answer} | KmsServiceError]",
        f"        outcomes = {style.wait}self._send_many(methods.{constant(rpc.name)}, items, timeout, caller_request_id)",
        "        return outcomes",
    ]
    return "\n".join(lines)


def _parameters(rpc: Rpc, left_out: tuple[str, ...]) -> Iterator[str]:
    for field in required_first(rpc):
        if field.name not in left_out:
            given = type_of(field, "fields.")
            yield f"{field.name}: {given}" if is_required(field) else f"{field.name}: {given} | None = None"


def _tail(rpc: Rpc) -> list[str]:
    return [TIMEOUT, *([TOKEN] if rpc.takes_token else []), CALLER_ID]


def _argument(field: FieldDescriptor) -> str:
    """What a request's field is made of the parameter of its name."""
    name = field.name
    if field.type == FieldDescriptor.TYPE_ENUM:
        return f"words.{constant(enum_of(field).name)}.{'many' if field.is_repeated else 'number'}({name})"
    if is_map(field):
        return name
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        inner = message_of(field)
        if inner.full_name == TIMESTAMP:
            return f"moment({name})"
        if inner.full_name == ANY:
            return f"packed({name})" if is_required(field) else f"None if {name} is None else packed({name})"
        return f"{'messages' if field.is_repeated else 'message'}({class_of(inner)}, {name})"
    return f'texts("{name}", {name})' if field.is_repeated else name


def _seconds(rpc: Rpc) -> str:
    return f"{seconds_of(rpc.name, rpc.work, CRYPTOGRAPHY_SECONDS):g}"


def _docstring(rpc: Rpc, left_out: tuple[str, ...], items: FieldDescriptor | None = None) -> str:
    paged = f"Every item of `{rpc.method_name}`, page after page, each asked for as it is needed."
    lines = _indented(paged if items else comments()[rpc.path], 8, '"""')
    lines += ["", "        Args:"]
    for field in fields_of(request_of(rpc)):
        if field.name not in left_out:
            lines += _entry(field.name, _field_text(field))
    lines += _entry("timeout", f"Seconds{' of each page' if items else ''}; {_seconds(rpc)} unless it is given.")
    if rpc.takes_token and items is None:
        lines += _entry("client_token", "Repeats the change that was made under it; a new one unless it is given.")
    lines += _entry("caller_request_id", "A name of the caller's own in the audit record.")
    if items is None:
        lines += ["", "        Returns:", *_answer(rpc)]
    lines += ["", "        Raises:"]
    lines += _indented(", ".join(f"errors.{name}" for name in rpc.errors) + ", and what every call may meet.", 12)
    return "\n".join([*lines, '        """'])


def _field_text(field: FieldDescriptor) -> str:
    text = f"{comments()[field.full_name]} {limits_text(field)}".strip()
    if field.type == FieldDescriptor.TYPE_ENUM:
        text += f" One of {', '.join(enum_values(enum_of(field)).values())}."
    return text


def _answer(rpc: Rpc) -> Iterator[str]:
    answer = answer_of(rpc)
    if not answer.fields:
        yield from _indented("An answer without fields.", 12)
    for field in fields_of(answer):
        yield from _entry(f"`{field.name}`", comments()[field.full_name])


def _entry(name: str, text: str) -> list[str]:
    return textwrap.wrap(
        f"{name}: {text}", WIDTH, initial_indent=" " * 12, subsequent_indent=" " * 16, break_long_words=False, break_on_hyphens=False
    )


def _indented(text: str, by: int, first: str = "") -> list[str]:
    return textwrap.wrap(
        f"{first}{text}", WIDTH, initial_indent=" " * by, subsequent_indent=" " * by, break_long_words=False, break_on_hyphens=False
    )
