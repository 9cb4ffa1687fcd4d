"""Limits of the settings: what each may be, and in which words it is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from meridian.domain.limit_bounds import BOUNDS, Bounds, faults_of_limits
from meridian.domain.limits import Limits


def faults(values: dict[str, Any], *, development: bool = False) -> list[tuple[str, str]]:
    return list(faults_of_limits(values, development=development))


def test_the_defaults_are_all_within_their_bounds() -> None:
    assert faults(vars(Limits())) == []


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("keys_per_account", 0, "must be from 1 to 100,000,000"),
        ("keys_per_account", 100_000_001, "must be from 1 to 100,000,000"),
        ("key_store_attempt_seconds", 0.001, "must be from 0.01 to 30"),
        ("key_store_requests_per_second", math.inf, "must be from 0.1 to 1,000,000"),
        ("key_store_requests_per_second", math.nan, "must be from 0.1 to 1,000,000"),
        ("usage_seconds", 0.5, "must be from 1 to 86,400; less is for `development = true` alone"),
        ("usage_seconds", 0.001, "must be from 1 to 86,400"),
        ("day_seconds", 1.0, "must be 86,400; less is for `development = true` alone"),
    ],
)
def test_a_limit_out_of_its_bounds_is_told_with_them(name: str, value: float, fault: str) -> None:
    assert faults({name: value}) == [(name, fault)]


def test_times_of_tests_are_for_development_alone() -> None:
    assert faults({"usage_seconds": 0.01, "day_seconds": 0.05}, development=True) == []
    assert faults({"usage_seconds": 0.001}, development=True) == [("usage_seconds", "must be from 0.01 to 86,400")]


@pytest.mark.parametrize("edge", [1, 86_400])
def test_both_ends_of_a_bound_may_be(edge: int) -> None:
    assert Bounds(1, 86_400, 1).fault_of(edge, development=False) == ""


def test_limits_that_belong_together_are_in_order() -> None:
    swapped = {"deletion_window_in_days_min": 20, "deletion_window_in_days_max": 10}
    assert faults(swapped) == [("deletion_window_in_days_min", "must be no more than deletion_window_in_days_max, which is 10")]
    assert faults({"deletion_window_in_days_min": 20, "deletion_window_in_days_max": 20}) == []


def test_each_number_of_a_table_has_the_bounds_of_its_limit() -> None:
    assert faults({"import_keys_ready": {"RSA_2048": 1001, "RSA_3072": 0}}) == [("import_keys_ready.RSA_2048", "must be from 0 to 1,000")]
    assert faults({"import_keys_ready": {"DSA": 1}}) == [
        ("import_keys_ready.DSA", "is no kind of wrapping key; there are RSA_2048, RSA_3072, RSA_4096")
    ]


def test_every_limit_has_a_bound_and_what_is_no_number_is_not_judged_here() -> None:
    assert set(BOUNDS) == set(vars(Limits()))
    assert faults({"keys_per_account": "many"}) == []
