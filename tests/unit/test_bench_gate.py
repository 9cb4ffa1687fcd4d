"""The gate of CI for the cost of an Encrypt: what passes it, what does not, and that CI asks it."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_gate import GROWN_MAX, RECORDED, faults

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("front", RECORDED)
def test_a_front_that_has_become_too_dear_is_named(front: str) -> None:
    well = {each: [recorded] * 5 for each, recorded in RECORDED.items()}
    assert faults(well) == []
    assert faults(well | {front: [GROWN_MAX * RECORDED[front]] * 5}) == []
    (line,) = faults(well | {front: [GROWN_MAX * RECORDED[front] + 0.01] * 3 + [RECORDED[front]] * 2})
    assert line.startswith(f"{front}: ")


def test_a_round_of_bad_luck_is_none() -> None:
    assert faults({front: [recorded, recorded, 9 * recorded] for front, recorded in RECORDED.items()}) == []


def test_both_fronts_are_measured_by_ci() -> None:
    assert set(RECORDED) == {"grpcio", "envoy"}
    assert "\nmake bench-gate\n" in (ROOT / ".ci" / "run").read_text()
