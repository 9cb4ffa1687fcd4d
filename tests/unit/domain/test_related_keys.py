"""What members of a set know of it, and who may change it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from meridian.domain.multi_region import Member, MemberStatus, RowStatus, SetMaterial, SetRow, SetState, Stamp, Term, ToldLost

A, B, C = "ap-south-1", "eu-west-1", "us-east-1"
ON, OFF = MemberStatus.ON, MemberStatus.OFF
STATE = SetState(
    Term(1, B, 2), 3, B, B, (Member(A, "sa", ON), Member(B, "sb", ON), Member(C, "sc", ON)), (SetMaterial("m", 0), SetMaterial("n", 1)), "m"
)


def row_of(**changes: Any) -> SetRow:
    made = SetRow("1" * 12, "mrk-" + "0" * 32, RowStatus.LIVE, "sb", STATE)
    return replace(made, **changes)


def test_a_state_tells_its_members_materials_and_stamp() -> None:
    assert STATE.material_ids == {"m", "n"}
    assert STATE.stamp == Stamp(Term(1, B, 2), 3)
    assert STATE.replica_regions == (A, C)
    assert STATE.find_member(C) == Member(C, "sc", ON)
    assert STATE.find_member("nowhere") is None
    assert STATE.term.reign == (1, B)


def test_terms_are_ordered_by_generation_then_origin_then_number() -> None:
    assert sorted([Term(1, A, 0), Term(0, C, 9), Term(1, B, 0), Term(1, A, 5)]) == [
        Term(0, C, 9), Term(1, A, 0), Term(1, A, 5), Term(1, B, 0),
    ]  # fmt: skip


def test_a_change_of_members_is_the_next_version() -> None:
    assert STATE.without_member(A) == replace(STATE, version=4, members=STATE.members[1:])
    again = Member(B, "new", MemberStatus.BACK)
    assert STATE.with_member(again) == replace(STATE, version=4, members=(STATE.members[0], again, STATE.members[2]))
    first = Member("af-south-1", "s", MemberStatus.NEW)
    assert STATE.with_member(first).members == (first, *STATE.members)


@pytest.mark.parametrize(
    ("changes", "acts"),
    [
        ({}, True),
        ({"stale": True}, False),
        ({"rejoin": C}, False),
        ({"status": RowStatus.RESERVED}, False),
        ({"status": RowStatus.GONE}, False),
        ({"view": None}, False),
        ({"view": replace(STATE, primary=C)}, False),
    ],
)
def test_the_primary_of_a_live_set_that_is_level_changes_it(changes: dict[str, Any], acts: bool) -> None:
    assert row_of(**changes).acts_as_primary(B) is acts
    assert row_of(**changes).takes_changes(B) is acts


def test_a_primary_that_a_member_leads_on_without_takes_no_changes() -> None:
    row = row_of(told_lost=frozenset({ToldLost(C, 2)}))
    assert row.led_on_by == (C,)
    assert row.acts_as_primary(B)
    assert not row.takes_changes(B)


@pytest.mark.parametrize(
    "changes",
    [
        {"told_lost": frozenset({ToldLost(C, 1)})},
        {"told_lost": frozenset({ToldLost("nowhere", 2)})},
        {"view": None},
        {"rejoin": C},
        {"view": replace(STATE, members=(*STATE.members[:2], Member(C, "sc", OFF)))},
    ],
)
def test_nothing_less_than_a_counted_members_later_generation_stops_it(changes: dict[str, Any]) -> None:
    assert row_of(**{"told_lost": frozenset({ToldLost(C, 2)}), **changes}).led_on_by == ()


def test_all_who_lead_on_are_told_in_order() -> None:
    assert row_of(told_lost=frozenset({ToldLost(C, 2), ToldLost(A, 5)})).led_on_by == (A, C)
