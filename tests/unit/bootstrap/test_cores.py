"""How many cores a process may use, by what Linux tells."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meridian.bootstrap.cores import cores

MANY = 4096
"""Of a bound that bounds nothing here."""


def told(folder: Path, bounds: dict[str, str], own: str = "0::/pod/one\n") -> int:
    for group, bound in bounds.items():
        place = folder / "groups" / group
        place.mkdir(parents=True, exist_ok=True)
        (place / "cpu.max").write_text(bound)
    (folder / "own").write_text(own)
    return cores(folder / "groups", folder / "own")


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    return 8


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({}, 8),
        ({"pod/one": "max 100000"}, 8),
        ({"pod/one": "200000 100000"}, 2),
        ({"pod/one": "50000 100000"}, 1),
        ({"pod/one": "250000 100000"}, 3),
        ({"pod/one": f"{MANY * 100_000} 100000"}, 8),
        ({"pod/one": "max 100000", "pod": "100000 100000"}, 1),
        ({"": "300000 100000"}, 3),
        ({"other": "100000 100000"}, 8),
        ({"pod/one": "what is this"}, 8),
        ({"pod/one": "100000 0"}, 8),
    ],
)
def test_no_more_than_the_groups_give_time_for(tmp_path: Path, allowed: int, bounds: dict[str, str], expected: int) -> None:
    assert told(tmp_path, bounds) == expected <= allowed


@pytest.mark.parametrize("own", ["", "0::/../../elsewhere\n", "12:cpu:/pod/one\n"])
def test_groups_that_are_not_told_bound_nothing(tmp_path: Path, allowed: int, own: str) -> None:
    assert told(tmp_path, {"pod/one": "100000 100000"}, own) == allowed


def test_where_nothing_is_told_what_the_system_allows_counts(tmp_path: Path, allowed: int) -> None:
    assert cores(tmp_path / "none", tmp_path / "nothing") == allowed


def test_here_it_is_at_least_one() -> None:
    assert cores() >= 1
