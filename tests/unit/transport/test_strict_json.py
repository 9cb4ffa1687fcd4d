"""Bodies of the AWS wire: a bound on what they hold before they are decoded, and lists that their own check refuses."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor
from hypothesis import given
from hypothesis import strategies as st

from meridian.contract.catalog import aws_member_name, is_map, items_max, rpcs
from meridian.contract.enums import enum_values
from meridian.contract.field_limits import faults_of
from meridian.contract.fields import descriptor_of
from meridian.domain.limits import Limits
from meridian.domain.strict_json import DIGITS_MAX
from meridian.errors import SerializationException
from meridian.transport.aws_json import codec, strict_json
from meridian.transport.aws_json.strict_json import VALUES_MAX, parse

BYTES = Limits().request_bytes
SECONDS_MAX = 0.005
TEXTS = st.text(alphabet='",:[]{}\\a\u00e9\n', max_size=12)
DOCUMENTS = st.recursive(
    st.none() | st.integers(0, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=20,
)


def repeated(piece: bytes, begin: bytes = b"[", end: bytes = b"]") -> bytes:
    """As many of this piece as a body has room for."""
    return begin + b",".join([piece] * ((BYTES - 2) // (len(piece) + 1))) + end


WORST = {
    "nothing": repeated(b"0"),
    "objects": repeated(b"{}"),
    "lists": repeated(b"[]"),
    "texts": repeated(b'""'),
    "members": b"{" + b",".join(b'"%x":0' % number for number in range(BYTES // 9)) + b"}",
    "nested": repeated(b'{"a":[]}'),
    "numbers": repeated(b"7" * 4299),
    "fractions": repeated(b"1." + b"7" * 4000 + b"e-300"),
    "escapes": b'"' + b"\\n" * (BYTES // 2 - 1) + b'"',
    "surrogates": b'"' + b"\\ud83d\\ude00" * (BYTES // 12 - 1) + b'"',
    "commas in a text": b'"' + b"," * (BYTES - 2) + b'"',
    "commas and escapes": b'"' + b'\\"' * (BYTES // 2 - 5000) + b"," * 9000 + b'"',
    "quotes": b'""' * (BYTES // 2),
    "as many as there may be": b"[" + b"{}," * (VALUES_MAX // 2 - 2) + b'"' + b"," * (BYTES - 13_000) + b'"]',
    "backslashes": b"\\" * BYTES,
}


def values_in(document: Any) -> int:
    """Names and values below this one; an empty list or object counts as if it held one."""
    if isinstance(document, dict):
        return max(1, 2 * len(document)) + sum(map(values_in, document.values()))
    return max(1, len(document)) + sum(map(values_in, document)) if isinstance(document, list) else 0


@given(document=DOCUMENTS, indent=st.sampled_from([None, 1]), ascii_only=st.booleans())
def test_names_and_values_are_counted_and_texts_are_not(document: Any, indent: int | None, ascii_only: bool) -> None:
    body = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strict_json, "VALUES_MAX", values_in(document) + 1)
        assert strict_json.parse(body) == document
        patch.setattr(strict_json, "VALUES_MAX", values_in(document))
        with pytest.raises(SerializationException):
            strict_json.parse(body)


def test_so_many_values_are_read_and_no_more() -> None:
    for many in (b"[" + b"0," * (VALUES_MAX - 2) + b"0]", b"[" + b'",:[{\\\\",' * (VALUES_MAX - 2) + b'"\\",:[{"]'):
        assert len(parse(many)) == VALUES_MAX - 1
        with pytest.raises(SerializationException, match=str(VALUES_MAX)):
            parse(many[:-1] + b",0]")


def test_whole_numbers_have_so_many_digits() -> None:
    assert parse(b"7" * DIGITS_MAX) == int("7" * DIGITS_MAX)
    with pytest.raises(SerializationException):
        parse(b"7" * (DIGITS_MAX + 1))


@pytest.mark.parametrize("name", list(WORST))
def test_no_body_stops_the_loop_for_five_milliseconds(name: str) -> None:
    body = WORST[name]
    assert len(body) <= BYTES
    shortest = SECONDS_MAX
    for _ in range(15):
        begun = time.thread_time()
        with contextlib.suppress(SerializationException):
            parse(body)
        shortest = min(shortest, time.thread_time() - begun)
    assert shortest < SECONDS_MAX


def lists_of(descriptor: Descriptor) -> list[Any]:
    return [field for field in descriptor.fields if field.is_repeated and not is_map(field)]


def one_item(field: Any) -> Any:
    if field.message_type is not None:
        return {aws_member_name(inner): "a" for inner in field.message_type.fields}
    return next(iter(enum_values(field.enum_type).values())) if field.enum_type is not None else "a"


@pytest.mark.parametrize(
    ("operation", "name"), [(rpc.name, field.name) for rpc in rpcs().values() for field in lists_of(descriptor_of(rpc.request_class))]
)
def test_a_list_that_is_too_long_is_refused_by_its_check(operation: str, name: str) -> None:
    request = rpcs()[operation].request_class
    field = descriptor_of(request).fields_by_name[name]
    most = items_max(field)
    item = one_item(field)
    for count, kept in ((most, most), (most + 1, most + 1), (most + 1000, most + 1)):
        body = json.dumps({aws_member_name(field): [item] * count}).encode()
        message = codec.read(body, request)
        assert len(getattr(message, name)) == kept
        told = [sentence for path, sentence in faults_of(message) if sentence.endswith(f"less than or equal to {most}")]
        assert bool(told) is (count > most)
