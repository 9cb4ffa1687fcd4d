"""Names that differ in case alone are one name, whatever their letters are."""

from __future__ import annotations

import pytest

from meridian.domain.any_case import any_case, lower_name


@pytest.mark.parametrize(
    "spellings", [("Stage", "STAGE", "stage"), ("ΤΕΛΟΣ", "τελος", "τελοσ"), ("Straße", "STRASSE", "strasse"), ("ſ", "S", "s")]
)
def test_spellings_of_one_name(spellings: tuple[str, ...]) -> None:
    assert len({lower_name(name) for name in spellings}) == 1


def test_a_name_given_in_two_cases_is_marked() -> None:
    found = any_case({"τελος": "x", "τελοσ": "x", "other": "y"})
    assert found == {lower_name("ΤΕΛΟΣ"): "x", "TWICE:" + lower_name("ΤΕΛΟΣ"): "", "other": "y"}
