"""What each move makes of a row: the new one has it, and keeps everything else that it knew."""

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
    generation_of,
    handed_to,
    later,
    row_of,
    signed,
)  # fmt: skip

from meridian.domain.multi_region import Held, Member, MemberStatus, RowStatus, SetMaterial, SetRow, SetState, Term, TermLink, ToldLost
from meridian.replication.sets.authority import LINKS_MAX
from meridian.replication.sets.claims import NotBelieved, Rule, SetRefusal
from meridian.replication.sets.loss import declare_lost
from meridian.replication.sets.state import (
    acting_view,
    add_member,
    adopt,
    awaits_role_of,
    farewell,
    found_set,
    hand_over,
    part,
    release,
    reserve,
    resolve,
    take_role,
    takes_role,
)

SECOND = "b" * 64
HELD = frozenset({Held(B, f"s-{B}", MATERIAL), Held(C, f"s-{C}", MATERIAL)})
LINK = TermLink(b"link", b"key")


def held_by(*regions: str) -> frozenset[Held]:
    return frozenset(Held(region, f"s-{region}", MATERIAL) for region in regions)


# ---- a set begins, and grows


def test_a_set_begins_with_its_primary_alone() -> None:
    state = SetState(Term(0, A, 0), 0, A, A, (Member(A, "s0", MemberStatus.ON),), (SetMaterial("x", 0), SetMaterial("y", 1)), "y")
    assert found_set(ACCOUNT, KEY_ID, A, "s0", state.materials) == SetRow(ACCOUNT, KEY_ID, RowStatus.LIVE, "s0", state)
    empty = found_set(ACCOUNT, KEY_ID, A, "s0", ())
    assert empty.view is not None
    assert (empty.view.current, empty.view.materials) == ("", ())


def test_a_place_is_reserved_where_none_is() -> None:
    fresh = SetRow(
        ACCOUNT, KEY_ID, RowStatus.RESERVED, "s1", prepared_by=A, reserved_at=NOW, request_id="request",
    )  # fmt: skip
    assert reserve(None, ACCOUNT, KEY_ID, "s1", A, "request", NOW) == fresh
    ended = replace(
        row_of(B), status=RowStatus.GONE, links=(LINK,), refused_serials=frozenset({"old"}), version=7, held=HELD, lost=frozenset({C}),
    )  # fmt: skip
    again = reserve(ended, ACCOUNT, KEY_ID, "s1", A, "request", NOW)
    known: dict[str, Any] = {
        name: getattr(ended, name) for name in ("view", "signed_view", "signed_key", "links", "refused_serials", "version")
    }
    assert again == replace(fresh, **known), "what the membership before knew of the set stays, and nothing that it owed"
    none = replace(ended, status=RowStatus.NONE, view=None)
    assert reserve(none, ACCOUNT, KEY_ID, "s1", X, "request", NOW).prepared_by == X


@pytest.mark.parametrize("status", [RowStatus.LIVE, RowStatus.RESERVED])
def test_a_place_that_is_taken_is_reserved_for_nobody(status: RowStatus) -> None:
    with pytest.raises(SetRefusal, match="a member or a reserved place"):
        reserve(replace(row_of(B), status=status), ACCOUNT, KEY_ID, "s1", A, "request", NOW)


def test_whom_the_membership_before_did_not_know_prepares_none() -> None:
    with pytest.raises(NotBelieved) as refused:
        reserve(replace(row_of(B), status=RowStatus.GONE), ACCOUNT, KEY_ID, "s1", X, "request", NOW)
    assert refused.value.rule is Rule.FIRST_STATE


def test_a_member_is_added_under_its_serial_and_the_rest_of_the_row_stays() -> None:
    row = replace(row_of(A), held=HELD)
    assert add_member(row, A, X, "s-x") == replace(row, view=FIRST.with_member(Member(X, "s-x", MemberStatus.NEW)))


def test_a_place_that_was_asked_about_is_committed_or_refused_for_ever() -> None:
    assert resolve(row_of(A), B, f"s-{B}") == (row_of(A), True)
    for row, sender, serial in ((row_of(A), B, "other"), (row_of(A), X, f"s-{B}"), (replace(row_of(A), view=None), B, f"s-{B}")):
        assert resolve(row, sender, serial) == (replace(row, refused_serials=frozenset({serial})), False)
    twice, _ = resolve(replace(row_of(A), refused_serials=frozenset({"first"})), X, "second")
    assert twice.refused_serials == {"first", "second"}


def test_a_place_that_was_refused_is_free_again() -> None:
    row = reserve(None, ACCOUNT, KEY_ID, "s1", A, "request", NOW)
    assert release(row) == replace(row, status=RowStatus.NONE, prepared_by="", reserved_at=None)


# ---- a state arrives


def taken(row: SetRow, state: SetState, stored: Any = (MATERIAL,)) -> SetRow:
    told = signed(state, A)
    found = adopt(row, B, told, (), row.serial, stored)
    assert found is not None
    assert (found.view, found.signed_view, found.signed_key, found.status) == (state, told.signed, told.public_key, RowStatus.LIVE)
    return found


def test_a_later_version_of_the_term_leaves_what_the_operator_said_and_what_is_held() -> None:
    row = replace(row_of(B), held=HELD, lost=frozenset({X}), successor=X, told_lost=frozenset({ToldLost(X, 9)}))
    after = taken(row, later(FIRST))
    assert (after.held, after.lost, after.successor, after.told_lost) == (HELD, frozenset({X}), X, frozenset({ToldLost(X, 9)}))
    assert taken(row, handed_to(FIRST, C, A)).held == frozenset(), "in another term it is acknowledged anew"


def test_another_generation_ends_what_the_operator_said() -> None:
    row = replace(declare_lost(row_of(B), A, C), told_lost=frozenset({ToldLost(X, 9)}), held=HELD)
    told = signed(generation_of(FIRST, C), C)
    after = adopt(row, B, told, (), row.serial, None)
    assert after is not None
    assert (after.lost, after.successor, after.told_lost, after.held, after.rejoin) == (frozenset(), "", frozenset(), frozenset(), "")


def test_a_reserved_place_becomes_a_member_that_owes_nothing() -> None:
    row = reserve(None, ACCOUNT, KEY_ID, f"s-{B}", A, "request", NOW)
    after = taken(row, FIRST)
    assert (after.prepared_by, after.reserved_at, after.request_id) == ("", None, "request")
    assert taken(row, FIRST, stored=None).status is RowStatus.LIVE, "imported material comes from its owner"


@pytest.mark.parametrize(
    ("changes", "state", "serial", "stored", "why"),
    [
        ({"stale": True}, later(FIRST), f"s-{B}", (MATERIAL,), "has not reconciled"),
        ({"status": RowStatus.GONE}, later(FIRST), f"s-{B}", (MATERIAL,), "no membership with this serial"),
        ({}, later(FIRST), "other", (MATERIAL,), "no membership with this serial"),
        ({"serial": "other"}, later(FIRST), "other", (MATERIAL,), "does not list this membership"),
        ({}, later(FIRST.without_member(B)), f"s-{B}", (MATERIAL,), "does not list this membership"),
        ({}, later(FIRST), f"s-{B}", (SECOND,), "neither stored nor enclosed"),
        ({}, replace(later(FIRST), materials=(*MATERIALS, SetMaterial(SECOND, 1))), f"s-{B}", (MATERIAL,), "neither stored nor enclosed"),
    ],
)
def test_a_state_that_does_not_fit_the_place_changes_nothing(changes: Any, state: SetState, serial: str, stored: Any, why: str) -> None:
    with pytest.raises(SetRefusal, match=why):
        adopt(replace(row_of(B), **changes), B, signed(state, A), (), serial, stored)


def test_an_older_state_is_no_news_and_makes_no_member_of_a_place() -> None:
    assert adopt(row_of(B), B, signed(FIRST, A), (), f"s-{B}", ()) is None
    place = replace(row_of(B), status=RowStatus.RESERVED, prepared_by=A)
    with pytest.raises(NotBelieved) as refused:
        adopt(place, B, signed(FIRST, A), (), f"s-{B}", (MATERIAL,))
    assert refused.value.rule is Rule.FIRST_STATE


# ---- the role moves


def test_a_role_is_handed_to_a_full_member_and_nothing_is_held_in_the_new_term() -> None:
    row = replace(row_of(A), held=HELD)
    after = hand_over(row, A, C)
    assert after == replace(row, view=handed_to(FIRST, C, A), held=frozenset())
    new = replace(row, view=FIRST.with_member(Member(C, f"s-{C}", MemberStatus.NEW)))
    for refused, region, successor, why in (
        (row, B, C, "does not act"), (row, A, X, "not a full member"), (new, A, C, "not a full member"),
        (replace(row, stale=True), A, C, "does not act"),
    ):  # fmt: skip
        with pytest.raises(SetRefusal, match=why):
            hand_over(refused, region, successor)


def test_the_region_that_is_named_takes_the_role_with_the_first_version() -> None:
    named = replace(row_of(C, handed_to(FIRST, C, A)), held=HELD)
    assert takes_role(named, C)
    assert take_role(named) == replace(named, view=replace(handed_to(FIRST, C, A), version=1), held=frozenset())
    for row, region in ((named, B), (take_role(named), C), (row_of(A, generation_of(FIRST, A)), A), (replace(named, view=None), C)):
        assert not takes_role(row, region)
    with pytest.raises(SetRefusal, match="no state"):
        take_role(replace(named, view=None))


def test_who_handed_the_role_over_waits_until_it_is_taken() -> None:
    given = row_of(A, handed_to(FIRST, C, A))
    assert awaits_role_of(given, A, C)
    taken_role = row_of(A, later(handed_to(FIRST, C, A)))
    for row, region, sender in ((given, B, C), (given, A, B), (taken_role, A, C), (row_of(A, generation_of(FIRST, A)), A, A)):
        assert not awaits_role_of(row, region, sender)
    assert not awaits_role_of(replace(given, view=None), A, C)


def test_only_the_acting_primary_shows_a_view_to_change() -> None:
    assert acting_view(row_of(A), A) == FIRST
    for row, region in ((row_of(A), B), (replace(row_of(A), stale=True), A), (replace(row_of(A), view=None), A)):
        with pytest.raises(SetRefusal, match="does not act as primary"):
            acting_view(row, region)


# ---- members leave


def test_a_farewell_says_that_its_own_membership_has_ended() -> None:
    off = tuple(replace(m, status=MemberStatus.OFF) if m.region == B else m for m in FIRST.members)
    assert farewell(row_of(B), B) == replace(FIRST, members=off)
    named = handed_to(FIRST, C, A)
    for row, region in ((row_of(A), A), (row_of(B), X), (replace(row_of(B), view=None), B), (row_of(A, named), A), (row_of(C, named), C)):
        assert farewell(row, region) is None
    assert farewell(row_of(A, later(named)), A) is not None, "who handed the role over speaks for the beginning of the term alone"


def test_a_member_that_is_gone_leaves_the_set_and_what_it_held() -> None:
    row = replace(row_of(A), held=HELD)
    assert part(row, A, B, f"s-{B}", None) == replace(row, view=FIRST.without_member(B), held=held_by(C))
    for of_no_consequence in (replace(row, view=None), replace(row, stale=True), replace(row, status=RowStatus.GONE)):
        assert part(of_no_consequence, A, B, f"s-{B}", None) is None
    assert part(row, A, B, "other", None) is None
    assert part(row_of(C), C, B, f"s-{B}", None) is None, "its primary hears that"


def test_a_role_comes_back_from_one_that_left_without_hearing_of_it() -> None:
    given = replace(row_of(A, handed_to(FIRST, C, A)), links=(LINK,), held=HELD)
    words = farewell(row_of(C), C)
    assert words is not None
    word = signed(words, C)
    back = part(given, A, C, f"s-{C}", word)
    assert back is not None
    assert back.view == handed_to(handed_to(FIRST, C, A).without_member(C), A, A)
    assert (back.links, back.held) == ((LINK, word.link), frozenset())
    many = replace(given, links=tuple(TermLink(bytes([number]), b"key") for number in range(LINKS_MAX)))
    bounded = part(many, A, C, f"s-{C}", word)
    assert bounded is not None
    assert (len(bounded.links), bounded.links[-1], bounded.links[0]) == (LINKS_MAX, word.link, many.links[1])
    for other in (None, signed(FIRST, C), signed(words, B), signed(later(handed_to(words, C, A)), C)):
        assert part(given, A, C, f"s-{C}", other) is None
