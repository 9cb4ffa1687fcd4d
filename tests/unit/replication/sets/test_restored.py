"""A restored Region becomes level with the others again, or stays closed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.replication.sets.made_sets import (
    FIRST,
    MATERIAL,
    A,
    B,
    C,
    X,
    answer,
    believed_of,
    generation_of,
    handed_to,
    later,
    row_of,
    signed,
)  # fmt: skip

from meridian.domain.multi_region import Held, Member, MemberStatus, SetRow, Term, TermLink, ToldLost
from meridian.replication.sets.authority import believe_answers
from meridian.replication.sets.claims import Rule, SetRefusal
from meridian.replication.sets.loss import reconcile

HELD = frozenset(Held(region, f"s-{region}", MATERIAL) for region in (B, C))


def stale(region: str, **changes: Any) -> SetRow:
    made = replace(
        row_of(region), stale=True, rejoin=C, held=HELD, lost=frozenset({X}), successor=C, told_lost=frozenset({ToldLost(X, 2)}),
    )  # fmt: skip
    return replace(made, **changes)


def test_a_restored_region_is_level_again() -> None:
    row, told, links = stale(B), signed(later(FIRST), A), (TermLink(b"a", b"b"),)
    level = reconcile(row, B, believed_of(row, newest=told.state, told=told, links=links))
    expected = replace(
        row, view=told.state, links=links, held=frozenset(), stale=False, rejoin="", signed_view=told.signed, signed_key=told.public_key,
    )  # fmt: skip
    assert level == expected
    as_before = reconcile(row, B, believed_of(row))
    assert (as_before.signed_view, as_before.view) == (row.signed_view, FIRST)


def test_a_restored_primary_begins_a_new_term() -> None:
    row = stale(A)
    level = reconcile(row, A, believed_of(row))
    assert level.view == handed_to(FIRST, A, A)
    assert (level.stale, level.held) == (False, frozenset())


def test_another_generation_ends_the_words_about_the_earlier_one() -> None:
    row, told = stale(B), signed(generation_of(FIRST, C), C)
    level = reconcile(row, B, believed_of(row, newest=told.state, told=told))
    assert (level.lost, level.successor, level.told_lost) == (frozenset(), "", frozenset())


def test_a_set_that_went_on_without_it_stays_closed() -> None:
    row = stale(B)
    for newest in (FIRST.without_member(B), FIRST.with_member(Member(B, "other", MemberStatus.ON))):
        with pytest.raises(SetRefusal, match="does not list this membership"):
            reconcile(row, B, believed_of(row, newest=newest))


def test_what_a_restored_region_signed_itself_needs_no_chain_and_what_others_sign_does() -> None:
    row = stale(B, rejoin="", lost=frozenset(), successor="")
    far = replace(FIRST, term=Term(0, A, 5), version=2, primary=B, issuer=A)
    assert believe_answers(row, B, [answer(C, signed(far, B))], ()).newest == far
    by_x = replace(far, primary=X)
    believed = believe_answers(row, B, [answer(X, signed(by_x, X))], ())
    assert believed.newest == FIRST
    assert [(region, refusal.rule) for region, refusal in believed.refused] == [(X, Rule.ANSWERS)]
