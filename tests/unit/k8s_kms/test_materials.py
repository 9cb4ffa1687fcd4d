"""A rotation is told once, and no Region that is behind undoes it."""

from __future__ import annotations

from meridian.k8s_kms.materials import HOLD_SECONDS, KNOWN_MAX, Materials, Standing


def test_a_new_material_is_current_at_once() -> None:
    seen = Materials()
    assert [seen.see(each, 0.0) for each in ("a", "a", "b")] == [Standing.CURRENT] * 3
    assert seen.current == "b"


def test_a_region_that_is_behind_changes_nothing() -> None:
    seen = Materials()
    seen.see("a", 0.0)
    seen.see("b", 1.0)
    assert seen.see("a", HOLD_SECONDS) is Standing.BEHIND
    assert seen.current == "b"


def test_where_no_other_is_seen_any_more_it_is_followed() -> None:
    seen = Materials()
    seen.see("a", 0.0)
    seen.see("b", 1.0)
    assert seen.see("a", 1.0 + HOLD_SECONDS) is Standing.CURRENT
    assert seen.current == "a"


def test_a_material_that_is_known_to_be_newer_is_never_behind() -> None:
    seen = Materials()
    seen.see("a", 0.0)
    seen.see("b", 1.0)
    seen.see("a", 1.0 + HOLD_SECONDS)
    assert seen.see("b", 2.0 + HOLD_SECONDS) is Standing.CURRENT, "the Region that was cut off is back, or the other has rotated"
    assert seen.current == "b"
    assert seen.see("a", 3.0 + HOLD_SECONDS) is Standing.BEHIND, "and is not left again for whoever comes next"


def test_what_is_remembered_is_bounded() -> None:
    seen = Materials()
    for number in range(KNOWN_MAX + 1):
        seen.see(str(number), 0.0)
    assert seen.see("1", 0.0) is Standing.BEHIND
    assert seen.see("0", 0.0) is Standing.CURRENT, "the oldest was forgotten"
