"""YAML that says each thing once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from meridian.policy_kit import yaml_text
from meridian.policy_kit.texts import TextFault
from meridian.policy_kit.yaml_text import CHARACTERS_MAX, DEPTH_MAX, parse_yaml

ROW = "- {name: a, principal: ann, action: Encrypt, key: single, expect: allow}"
TWICE = {
    "tests:\n  []\nregion: a\ntests: []\n": "f:4: 'tests' is given more than once",
    "tests:\n- {name: a, expect: allow,\n   expect: deny}": "f:3: 'expect' is given more than once",
    '"a": 1\na: 2\n': "f:2: 'a' is given more than once",
    "1: a\n0x1: b\n": "f:2: '0x1' is given more than once",
    "a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a\n": "f:4: '<<' is given more than once",
    "a: [{b: {c: 1, c: 2}}]": "f:1: 'c' is given more than once",
    "!!set {a, a}": "f:1: 'a' is given more than once",
}
OTHERS = {
    "a: " + "[" * (DEPTH_MAX + 1): f"f:1: nests more than {DEPTH_MAX} levels",
    "a: &a [*a]": "f:1: an alias stands for what it is a part of",
    "a: 2026-02-30": "f:1: '2026-02-30' is no value of its kind",
    "a: " + "9" * 5_000: "f:1: a number has more than 64 characters",
    "a: b\n\x00": "f:2: a character that YAML does not allow",
    "? [a]\n: b": "f:1: a list or names cannot be a name",
    "#" * (CHARACTERS_MAX + 1): "f: is longer than 524,288 characters, the most that is read",
    "a: !!int ''": "f:1: '' is no value of its kind",
}


@pytest.mark.parametrize("text", TWICE)
def test_a_name_that_is_given_twice_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(TextFault) as caught:
        parse_yaml(text, "f")
    assert str(caught.value) == TWICE[text]


@pytest.mark.parametrize("text", OTHERS)
def test_what_cannot_be_read_is_told_in_a_sentence(text: str) -> None:
    with pytest.raises(TextFault) as caught:
        parse_yaml(text, "f")
    assert str(caught.value) == OTHERS[text]


def test_an_alias_counts_at_each_place(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: &a [1, 1, 1]\nb: [*a, *a, *a]\n"
    monkeypatch.setattr(yaml_text, "VALUES_MAX", 20)
    assert parse_yaml(text, "f") == {"a": [1] * 3, "b": [[1] * 3] * 3}
    monkeypatch.setattr(yaml_text, "VALUES_MAX", 19)
    with pytest.raises(TextFault, match="more than 19 names and values"):
        parse_yaml(text, "f")


def test_a_merged_name_may_be_given_again() -> None:
    assert parse_yaml("a: &a {x: 1}\nb: &b {<<: *a, x: 2}\nc: {<<: *b, x: 3}\n", "f")["c"] == {"x": 3}


def test_no_list_of_tests_is_lost(policy: Callable[..., Result], tests_file: Any, policies: Any) -> None:
    path: Path = tests_file(f"tests:\n{ROW}\ntests:\n{ROW}\n")
    for command in ("test", "prove", "coverage", "graph"):
        done = policy(command, path)
        assert (done.exit_code, done.stderr) == (3, f"{path}:12: 'tests' is given more than once\n")
    done = policy("explain", "--principal", "User:1/a", "--action", "Encrypt", "--context", "a=1", "--context", "a=2")
    assert (done.exit_code, done.stderr) == (3, "a is given more than once\n")
