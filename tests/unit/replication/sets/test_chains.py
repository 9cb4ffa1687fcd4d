"""Which signed states follow from each other, and what a set does whose lost Region led its members apart."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.replication.sets.made_sets import (
    FIRST,
    MATERIALS,
    A,
    B,
    C,
    X,
    answer,
    generation_of,
    handed_to,
    later,
    lost,
    row_of,
    signed,
)  # fmt: skip

from meridian.domain.multi_region import Member, MemberStatus, RowStatus, SetMaterial, Term, TermLink, ToldLost
from meridian.replication.sets.chain import keeps_material, kept_links, left_unheard, reached
from meridian.replication.sets.loss import declare_lost
from meridian.replication.sets.state import farewell
from meridian.replication.sets.successors import follows_the_lost, is_led_apart, joins_the_named, split_from

SECOND = SetMaterial("b" * 64, 1)

# ---- a successor that is named twice


def test_a_set_follows_the_lost_where_its_primary_is_given_up() -> None:
    assert follows_the_lost(lost())
    for row in (row_of(B), declare_lost(row_of(B), C, B), replace(lost(), view=None)):
        assert not follows_the_lost(row)


TWICE = replace(declare_lost(row_of(B), A, C), rejoin=C)
LED_BY_C = replace(later(FIRST), primary=C, issuer=C)


def test_who_is_named_twice_is_joined_without_a_chain() -> None:
    told = signed(LED_BY_C, C)
    assert joins_the_named(TWICE, told)
    others = (
        (replace(TWICE, rejoin=""), told), (replace(TWICE, successor=B), told), (replace(TWICE, lost=frozenset({X})), told),
        (TWICE, signed(LED_BY_C, B)), (TWICE, signed(generation_of(FIRST, C), C)), (replace(TWICE, view=None), told),
        (TWICE, signed(replace(LED_BY_C, primary=A), C)),
    )  # fmt: skip
    for row, each in others:
        assert not joins_the_named(row, each)


def test_a_split_is_proven_by_what_the_named_region_leads_on() -> None:
    row, told = declare_lost(row_of(B), A, C), signed(LED_BY_C, C)
    assert split_from(row, B, told) == ToldLost(C, 0)
    others = (
        (replace(row, view=None), told), (replace(row, status=RowStatus.RESERVED), told), (replace(row, serial="other"), told),
        (replace(row, successor=B), told), (row_of(B), told), (row, signed(replace(LED_BY_C, version=FIRST.version), C)),
        (row, signed(generation_of(FIRST, C), C)), (row, signed(LED_BY_C, A)), (row, signed(replace(LED_BY_C, primary=A), C)),
    )  # fmt: skip
    for refused, each in others:
        assert split_from(refused, B, each) is None


def test_a_member_was_led_apart_where_no_chain_joins_what_it_shows() -> None:
    row = declare_lost(row_of(B, later(FIRST, 2)), A, B)
    elsewhere = signed(replace(later(handed_to(FIRST, C, A)), issuer=A, primary=C), C)
    shown = answer(C, elsewhere)
    assert is_led_apart(row, (elsewhere,), shown)
    others = (
        (row_of(B), shown), (replace(row, stale=True), shown), (replace(row, view=None), shown),
        (row, replace(shown, status=RowStatus.GONE)),
        (row, answer(C, None)), (row, answer(C, signed(later(FIRST, 3), A))), (row, answer(C, signed(FIRST, A))),
        (row, answer(C, signed(generation_of(FIRST, A), A))), (replace(row, lost=frozenset({X})), shown),
    )  # fmt: skip
    for refused, each in others:
        assert not is_led_apart(refused, (), each)


# ---- chains


def test_what_may_have_been_used_is_kept_and_does_not_become_pending_again() -> None:
    before = replace(FIRST, materials=(*MATERIALS, SECOND), pending=SECOND.material_id)
    assert keeps_material(before, FIRST)
    assert not keeps_material(FIRST, replace(FIRST, materials=(SECOND,)))
    assert not keeps_material(replace(before, pending=""), before)


def test_a_farewell_from_an_earlier_term_shows_that_the_role_was_never_heard_of() -> None:
    named, words = handed_to(FIRST, C, A), farewell(row_of(C), C)
    assert words is not None
    assert left_unheard(named, signed(words, C))
    others = (
        signed(FIRST, C), signed(words, B), signed(replace(words, term=named.term), C), signed(replace(words, term=Term(1, A, 0)), C),
        signed(replace(words, members=words.members[:0]), C),
    )  # fmt: skip
    for each in others:
        assert not left_unheard(named, each)
    again = named.with_member(Member(C, "another", MemberStatus.ON))
    assert not left_unheard(again, signed(words, C))
    assert not left_unheard(named.without_member(C), signed(words, C))


def test_links_are_kept_of_beginnings_ends_and_farewells() -> None:
    begin, onward = signed(handed_to(FIRST, C, A), A), signed(later(handed_to(FIRST, C, A)), C)
    last, new = signed(later(handed_to(FIRST, C, A), 2), C), signed(generation_of(later(handed_to(FIRST, C, A), 2), B), B)
    old = TermLink(b"old", b"key")
    assert kept_links((old,), (begin, onward, last, new)) == (old, begin.link, last.link, new.link)
    assert kept_links((begin.link,), (begin, onward)) == (begin.link,)
    words = farewell(row_of(C), C)
    assert words is not None
    bye = signed(words, C)
    assert kept_links((), (bye, replace(begin, signed=b""))) == (bye.link,)


def test_chains_reach_as_far_as_each_state_names_the_next_signer() -> None:
    start, next_one, far = signed(FIRST, A), signed(later(FIRST), A), signed(later(FIRST, 2), A)
    paths = reached([start], {next_one, far})
    assert paths[start] == (start,)
    assert paths[next_one] == (start, next_one)
    assert set(paths) == {start, next_one, far}
    new = signed(generation_of(FIRST, C), C)
    assert new not in reached([start], {new})
    assert reached([start], {new}, across_generations=True)[new] == (start, new)


def test_a_role_is_taken_back_from_one_that_went_on_after_its_own_farewell_and_no_material_with_it() -> None:
    words, went_on = farewell(row_of(C), C), signed(later(handed_to(FIRST, C, A)), C)
    assert words is not None
    bye, back = signed(words, C), signed(handed_to(went_on.state.without_member(C), A, A), A)
    assert reached([went_on], {bye, back})[back] == (went_on, bye, back)
    rolled_back = signed(replace(back.state, materials=(SECOND,)), A)
    for told, pool in ((back, {back}), (rolled_back, {bye, rolled_back}), (signed(back.state, C), {bye, signed(back.state, C)})):
        assert told not in reached([went_on], pool)
