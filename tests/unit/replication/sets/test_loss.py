"""How a set goes on when Regions are given up, taken back, or restored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.replication.sets.made_sets import (
    ACCOUNT,
    FIRST,
    KEY_ID,
    MATERIAL,
    MATERIALS,
    NOW,
    A,
    B,
    C,
    X,
    answer,
    believed_of,
    generation_of,
    handed_to,
    later,
    lost,
    row_of,
    signed,
)  # fmt: skip

from meridian.domain.multi_region import Held, Member, MemberStatus, RowStatus, SetMaterial, SetRow, SetState, Term, TermLink, ToldLost
from meridian.replication.sets.authority import LINKS_MAX
from meridian.replication.sets.claims import SetRefusal
from meridian.replication.sets.loss import declare_lost, detach, forget_held, material_to_take, take_back, take_over, withdraw
from meridian.replication.sets.state import reserve

SECOND, THIRD = SetMaterial("b" * 64, 1), SetMaterial("c" * 64, 2)
HELD = frozenset(Held(region, f"s-{region}", MATERIAL) for region in (B, C))
OF_C = frozenset({Held(C, f"s-{C}", MATERIAL)})


def with_status(state: SetState, region: str, status: MemberStatus) -> SetState:
    return state.with_member(Member(region, f"s-{region}", status))


# ---- the operator's words


def test_a_region_is_given_up_and_what_it_prepared_is_free() -> None:
    row = replace(row_of(B), lost=frozenset({X}))
    assert declare_lost(row, A, C) == replace(row, lost=frozenset({A, X}), successor=C)
    place = reserve(None, ACCOUNT, KEY_ID, "s1", A, "request", NOW)
    freed = declare_lost(place, A, C)
    assert (freed.status, freed.prepared_by, freed.reserved_at, freed.lost) == (RowStatus.NONE, "", None, frozenset({A}))
    assert declare_lost(place, C, B).status is RowStatus.RESERVED


def test_a_word_is_taken_back() -> None:
    row = replace(row_of(B), lost=frozenset({A, X}), successor=C, rejoin=A)
    assert withdraw(row, A) == replace(row, lost=frozenset({X}), rejoin="")
    assert withdraw(withdraw(row, A), X) == replace(row, lost=frozenset(), successor="", rejoin="")
    assert withdraw(row, X).rejoin == A


def test_a_member_is_detached_by_the_primary_and_what_it_held_counts_no_more() -> None:
    row = replace(row_of(A), held=HELD)
    assert detach(row, A, B) == replace(row, view=with_status(FIRST, B, MemberStatus.OFF), held=OF_C)
    assert forget_held(row, B) == replace(row, held=OF_C)
    off = replace(row, view=with_status(FIRST, B, MemberStatus.OFF))
    for refused, region, member, why in (
        (row, A, A, "is counted"), (row, A, X, "is counted"), (off, A, B, "is counted"), (row, B, C, "does not act"),
        (replace(row, stale=True), A, B, "does not act"),
    ):  # fmt: skip
        with pytest.raises(SetRefusal, match=why):
            detach(refused, region, member)


# ---- a detached member comes back


def test_what_only_a_member_has_is_taken_but_for_what_only_waited() -> None:
    theirs = replace(FIRST, materials=(*MATERIALS, SECOND, THIRD), pending=THIRD.material_id)
    assert material_to_take(row_of(A), theirs) == (SECOND,)
    assert material_to_take(row_of(A), None) == ()
    assert material_to_take(replace(row_of(A), view=None), theirs) == (*MATERIALS, SECOND)


def test_a_detached_member_is_counted_again_with_what_only_it_had() -> None:
    row = replace(row_of(A, with_status(FIRST, B, MemberStatus.OFF)), held=HELD)
    assert row.view is not None
    theirs = replace(FIRST, materials=(*MATERIALS, SECOND))
    back = take_back(row, A, answer(B, signed(theirs, A)), theirs)
    assert back == replace(row, view=replace(with_status(row.view, B, MemberStatus.BACK), materials=(*MATERIALS, SECOND)), held=OF_C)
    assert take_back(row, A, answer(B, signed(FIRST, A)), None).view == with_status(row.view, B, MemberStatus.BACK)


def test_a_member_that_was_detached_while_it_was_made_is_made_on() -> None:
    row = replace(row_of(A, with_status(FIRST, B, MemberStatus.OFF)), held=HELD)
    assert row.view is not None
    reserved = answer(B, None, status=RowStatus.RESERVED)
    assert take_back(row, A, reserved, None) == replace(row, view=with_status(row.view, B, MemberStatus.NEW))
    with pytest.raises(SetRefusal, match="no such membership"):
        take_back(row, A, replace(reserved, serial="other"), None)


OFF_IN_A = replace(row_of(A, with_status(FIRST, B, MemberStatus.OFF)))
AHEAD = generation_of(FIRST, B)


@pytest.mark.parametrize(
    ("row", "shown", "why"),
    [
        (OFF_IN_A, answer(B, None), "no such membership"),
        (OFF_IN_A, answer(X, signed(FIRST, A)), "no such membership"),
        (OFF_IN_A, answer(B, signed(FIRST, A), serial="other"), "no such membership"),
        (OFF_IN_A, answer(B, signed(FIRST, A), status=RowStatus.GONE), "no such membership"),
        (row_of(A), answer(B, signed(FIRST, A)), "counted already"),
        (OFF_IN_A, answer(B, signed(AHEAD, B), rejoin=A), "join this generation"),
        (row_of(A, generation_of(with_status(FIRST, B, MemberStatus.OFF), A)), answer(B, signed(FIRST, A)), "join this generation"),
        (replace(OFF_IN_A, stale=True), answer(B, signed(FIRST, A)), "does not act as primary"),
    ],
)
def test_nobody_comes_back_who_may_not(row: SetRow, shown: Any, why: str) -> None:
    with pytest.raises(SetRefusal, match=why):
        take_back(row, A, shown, None)


@pytest.mark.parametrize("word", [{"rejoin": A}, {"lost": frozenset({X})}])
def test_a_member_of_an_earlier_generation_comes_back_by_its_operators_word(word: Any) -> None:
    row = row_of(A, generation_of(FIRST, A))
    back = take_back(row, A, answer(B, signed(FIRST, A), **word), None)
    assert back.view is not None
    assert back.view.find_member(B) == Member(B, f"s-{B}", MemberStatus.BACK)


# ---- a successor takes over


SAME = {"lost": frozenset({A}), "successor": B}


def test_a_takeover_begins_a_generation_that_knows_no_word_any_more() -> None:
    row = lost(held=HELD, told_lost=frozenset({ToldLost(X, 3)}), rejoin=X)
    found = take_over(row, B, believed_of(row, answer(C, signed(FIRST, A), **SAME)), (MATERIAL,))
    state = found.view
    assert state is not None
    assert (state.term, state.version, state.primary, state.issuer) == (Term(1, B, 0), 0, B, B)
    assert (state.materials, state.current) == (MATERIALS, MATERIAL)
    assert state.find_member(B) == Member(B, f"s-{B}", MemberStatus.ON)
    assert found == replace(
        row, view=state, held=frozenset(), lost=frozenset(), successor="", told_lost=frozenset(), rejoin="",
        links=(TermLink(row.signed_view, row.signed_key),),
    )  # fmt: skip


def test_who_is_lost_is_counted_no_more_and_who_is_not_level_comes_back() -> None:
    state = with_status(with_status(FIRST, X, MemberStatus.ON), "eu-north-1", MemberStatus.OFF)
    row = lost(state)
    answers = (answer(C, signed(state, A), **SAME), answer("eu-north-1", signed(state, A), **SAME), answer(X, None, **SAME))
    found = take_over(row, B, believed_of(row, *answers), (MATERIAL,))
    assert found.view is not None
    statuses = {member.region: member.status for member in found.view.members}
    assert statuses == {
        A: MemberStatus.OFF, B: MemberStatus.ON, C: MemberStatus.BACK, X: MemberStatus.ON, "eu-north-1": MemberStatus.OFF,
    }  # fmt: skip
    assert list(statuses) == sorted(statuses)
    other = take_over(row, B, believed_of(row, answer(C, signed(state, A), serial="other", **SAME)), (MATERIAL,))
    assert other.view is not None
    assert other.view.find_member(C) == Member(C, f"s-{C}", MemberStatus.ON)


def test_material_that_anybody_showed_is_kept_and_what_only_waited_and_is_not_here_is_given_up() -> None:
    waiting = replace(FIRST, materials=(*MATERIALS, SECOND), pending=SECOND.material_id)
    row = lost(waiting)
    for stored, kept in (((MATERIAL,), MATERIALS), ((MATERIAL, SECOND.material_id), (*MATERIALS, SECOND)), (None, (*MATERIALS, SECOND))):
        found = take_over(row, B, believed_of(row, answer(C, None, **SAME)), stored)
        assert found.view is not None
        assert found.view.materials == kept
        assert found.view.pending == ("" if kept == MATERIALS else SECOND.material_id)
    shown = replace(FIRST, materials=(*MATERIALS, SECOND, THIRD), pending=THIRD.material_id)
    level = lost()
    grown = take_over(level, B, believed_of(level, views=(FIRST, shown)), (MATERIAL,))
    assert grown.view is not None
    assert grown.view.materials == (*MATERIALS, SECOND)


def test_a_takeover_keeps_the_way_to_where_it_began() -> None:
    row, told = lost(), signed(later(FIRST), A)
    links = tuple(TermLink(bytes([number]), b"key") for number in range(LINKS_MAX))
    found = take_over(row, B, believed_of(row, newest=later(FIRST), told=told, links=links), (MATERIAL,))
    assert (len(found.links), found.links[-1]) == (LINKS_MAX, told.link)


def test_a_declaration_is_withdrawn_where_a_region_that_stays_is_primary() -> None:
    led_by_c = later(handed_to(FIRST, C, A))
    row = lost(led_by_c, held=HELD)
    assert take_over(row, B, believed_of(row), (MATERIAL,)) == replace(row, lost=frozenset(), successor="")
    own = lost(replace(FIRST, primary=B))
    assert take_over(own, B, believed_of(own), (MATERIAL,)).view == own.view
    apart = take_over(own, B, believed_of(own, is_apart=True), (MATERIAL,))
    assert apart.view is not None
    assert apart.view.term == Term(1, B, 0)


@pytest.mark.parametrize(
    ("row", "answers", "why"),
    [
        (lost(status=RowStatus.GONE), (), "no member"),
        (lost(stale=True), (), "no member"),
        (lost(lost=frozenset()), (), "no member"),
        (lost(successor=C), (), "no member"),
        (lost(), (answer(C, None, lost=frozenset({A, X}), successor=B),), "has not declared the same"),
        (lost(), (answer(C, None, lost=frozenset({A}), successor=C),), "has not declared the same"),
        (lost(), (answer(C, None, stale=True, **SAME),), "has to reconcile first"),
        (lost(serial="other"), (), "does not list this membership"),
        (lost(FIRST.without_member(B)), (), "does not list this membership"),
    ],
)
def test_a_takeover_that_is_not_agreed_changes_nothing(row: SetRow, answers: Any, why: str) -> None:
    with pytest.raises(SetRefusal, match=why):
        take_over(row, B, believed_of(row, *answers), (MATERIAL,))
