"""What members hold of a set, and which of its properties a change moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.replication.sets.made_sets import (
    FIRST,
    MATERIAL,
    MATERIALS,
    A,
    B,
    C,
    row_of,
)  # fmt: skip

from meridian.domain.multi_region import Held, Member, MemberStatus, SetMaterial, Term, TermLink
from meridian.replication.sets.changed_properties import moved
from meridian.replication.sets.state import (
    acknowledge,
    is_held_by_all,
)

SECOND = "b" * 64
HELD = frozenset({Held(B, f"s-{B}", MATERIAL), Held(C, f"s-{C}", MATERIAL)})
LINK = TermLink(b"link", b"key")


def held_by(*regions: str) -> frozenset[Held]:
    return frozenset(Held(region, f"s-{region}", MATERIAL) for region in regions)


# ---- what members hold


def test_what_a_member_holds_is_noted_once_and_ends_its_creation() -> None:
    new = FIRST.with_member(Member(B, f"s-{B}", MemberStatus.NEW))
    row = row_of(A, new)
    after = acknowledge(row, A, B, f"s-{B}", FIRST.term, (MATERIAL, "unknown"))
    assert after == replace(row, view=new.with_member(Member(B, f"s-{B}", MemberStatus.ON)), held=held_by(B))
    assert acknowledge(after, A, B, f"s-{B}", FIRST.term, (MATERIAL,)) is None
    back = replace(row, view=FIRST.with_member(Member(B, f"s-{B}", MemberStatus.BACK)))
    returned = acknowledge(back, A, B, f"s-{B}", FIRST.term, (MATERIAL,))
    assert returned is not None
    assert returned.view is not None
    assert returned.view.find_member(B) == Member(B, f"s-{B}", MemberStatus.ON)
    part_of_it = acknowledge(row, A, B, f"s-{B}", FIRST.term, ())
    assert part_of_it is None


def test_a_detached_member_stays_detached_whatever_it_holds() -> None:
    row = row_of(A, FIRST.with_member(Member(B, f"s-{B}", MemberStatus.OFF)))
    assert acknowledge(row, A, B, f"s-{B}", FIRST.term, (MATERIAL,)) == replace(row, held=held_by(B))


def test_a_member_with_a_part_of_the_materials_stays_new() -> None:
    two = replace(FIRST, materials=(*MATERIALS, SetMaterial(SECOND, 1)))
    row = row_of(A, two.with_member(Member(B, f"s-{B}", MemberStatus.NEW)))
    assert acknowledge(row, A, B, f"s-{B}", FIRST.term, (MATERIAL,)) == replace(row, held=held_by(B))


def test_what_a_member_no_longer_names_it_has_lost_where_material_can_be_lost() -> None:
    row = replace(row_of(A), held=HELD)
    assert acknowledge(row, A, B, f"s-{B}", FIRST.term, (), may_lose=True) == replace(row, held=held_by(C))
    assert acknowledge(row, A, B, f"s-{B}", FIRST.term, ()) is None


def test_only_the_primary_in_this_term_hears_what_is_held() -> None:
    row = row_of(A)
    for of_no_consequence, region, term in (
        (row_of(C), C, FIRST.term), (replace(row, stale=True), A, FIRST.term), (row, A, Term(0, A, 9)),
        (replace(row, view=None), A, FIRST.term),
    ):  # fmt: skip
        assert acknowledge(of_no_consequence, region, B, f"s-{B}", term, (MATERIAL,)) is None


def test_a_material_is_held_by_all_when_every_counted_member_said_so() -> None:
    row = replace(row_of(A), held=HELD)
    assert is_held_by_all(row, MATERIAL)
    assert not is_held_by_all(replace(row, held=held_by(C)), MATERIAL)
    assert not is_held_by_all(row, SECOND)
    without_b = replace(row, held=held_by(C), view=FIRST.with_member(Member(B, f"s-{B}", MemberStatus.OFF)))
    assert is_held_by_all(without_b, MATERIAL)
    assert not is_held_by_all(replace(row, view=None), MATERIAL)
    anew = replace(row, view=FIRST.with_member(Member(B, "another", MemberStatus.ON)))
    assert not is_held_by_all(anew, MATERIAL), "another membership has to say so itself"


# ---- what a change moves


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, []),
        ({"primary": C}, ["multiRegionConfiguration"]),
        ({"members": FIRST.members[:1]}, ["multiRegionConfiguration"]),
        ({"materials": ()}, ["keyMaterials"]),
        ({"current": "x"}, ["currentKeyMaterialId"]),
        ({"pending": "x"}, ["pendingKeyMaterialId"]),
        ({"rotation_period_in_days": 90}, ["keyRotation"]),
        ({"next_rotation_us": 1}, ["keyRotation"]),
        ({"on_demand_started_us": 1, "on_demand_rotations": 1}, ["onDemandRotation"]),
    ],
)
def test_the_shared_properties_that_moved_are_named(changes: Any, names: list[str]) -> None:
    assert moved(FIRST, replace(FIRST, version=9, **changes)) == names


def test_of_a_first_state_all_that_it_has_is_named() -> None:
    assert moved(None, FIRST) == ["multiRegionConfiguration", "keyMaterials", "currentKeyMaterialId"]
