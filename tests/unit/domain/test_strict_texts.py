"""JSON and TOML that people write: each thing once, and a sentence for what cannot be read."""

from __future__ import annotations

import pytest

from meridian.domain.strict_json import JsonFault, parse_json
from meridian.domain.strict_toml import TomlFault, parse_toml

LEVELS = 20_000


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"a": 1, "a": 2}', "the member 'a' is given more than once"),
        ('[{"b": {"c": 1, "c": 1}}]', "the member 'c' is given more than once"),
        (f'{{"{"x" * 99}": 1, "{"x" * 99}": 1}}', f"the member '{'x' * 64}' is given more than once"),
        ("[" * LEVELS, "is nested too deeply"),
        ('{"a":' * LEVELS, "is nested too deeply"),
        ("9" * 5_000, "is no JSON: a number has more than 32 digits"),
        ("[NaN]", "is no JSON: NaN is no number"),
        ('"\\ud800"', "is no JSON: half a surrogate pair is no text"),
        ("{", "is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ],
)
def test_json_that_cannot_be_used(text: str, fault: str) -> None:
    with pytest.raises(JsonFault) as caught:
        parse_json(text)
    assert str(caught.value) == fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"a = 1\na = 2\n", "Cannot overwrite a value (at line 2, column 6)"),
        (b"[a]\n[a]\n", "Cannot declare ('a',) twice (at line 2, column 3)"),
        (b"a = " + b"[" * LEVELS, "is nested too deeply"),
        (b"a = " + b"9" * 5_000, "holds a number that is too long"),
        (b"a = 2026-02-30", "Invalid date or datetime (at line 1, column 5)"),
        (b"a = '\xff'", "is no UTF-8 text (byte 6)"),
    ],
)
def test_toml_that_cannot_be_used(text: bytes, fault: str) -> None:
    with pytest.raises(TomlFault) as caught:
        parse_toml(text)
    assert str(caught.value) == fault


def half(text: str) -> float:
    return float(text) / 2


def test_what_can_be_used_is_read() -> None:
    assert parse_json('{"a": [1, 2.5, "\\ud83d\\udd11"], "b": {"a": null}}') == {"a": [1, 2.5, "🔑"], "b": {"a": None}}
    assert parse_json("[0.1, 1]", parse_float=half) == [0.05, 1]
    with pytest.raises(JsonFault):
        parse_json('{"a": 1, "a": 1}', parse_float=half)
    assert parse_toml(b"[a]\nb = 1\n") == {"a": {"b": 1}}
