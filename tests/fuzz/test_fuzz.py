"""No input makes a parser raise what it does not name: kept inputs, and a second of mutations of each target in every run.

`make fuzz SECONDS=60` searches further, guided by coverage.
"""

from __future__ import annotations

import time

import pytest
from tests.fuzz.kept import FOLDER, finding, inputs_of
from tests.fuzz.mutate import mutations
from tests.fuzz.targets import TARGETS

SECONDS = 1.0
TIMES_MAX = 3_000
SEED = 20_260_101


@pytest.mark.parametrize("name", TARGETS)
def test_kept_inputs_raise_what_is_named(name: str) -> None:
    found = {data[:200]: repr(fault) for data in inputs_of(name) if (fault := finding(name, data)) is not None}
    assert found == {}


@pytest.mark.parametrize("name", TARGETS)
def test_mutations_raise_what_is_named(name: str) -> None:
    until = time.monotonic() + SECONDS
    for number, data in enumerate(mutations(inputs_of(name), SEED)):
        fault = finding(name, data)
        assert fault is None, (data, repr(fault))
        if number >= TIMES_MAX or time.monotonic() > until:
            break


def test_a_parser_that_raises_anything_else_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = TARGETS["ciphertext"]
    monkeypatch.setitem(TARGETS, "ciphertext", type(broken)(lambda data: data[10], broken.may_raise, broken.seeds))
    assert isinstance(finding("ciphertext", b"short"), IndexError)


def test_every_kept_input_has_its_target() -> None:
    assert {path.name for path in FOLDER.iterdir()} <= set(TARGETS)
