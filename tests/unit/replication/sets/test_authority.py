"""The gate: for each rule a claim that is believed and one that is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.unit.replication.sets.made_sets import (
    ACCOUNT,
    FIRST,
    KEY_ID,
    MATERIAL,
    MATERIALS,
    NEW,
    NOW,
    A,
    B,
    C,
    X,
    adopted,
    answer,
    generation_of,
    handed_to,
    later,
    members,
    refused,
    row_of,
    signed,
)

from meridian.domain.multi_region import Member, MemberStatus, RowStatus, SetMaterial, SetRow, SetState, Term, TermLink, ToldLost
from meridian.replication.sets import authority
from meridian.replication.sets.claims import Answer, NotBelieved, Rule, SetRefusal, Told
from meridian.replication.sets.loss import declare_lost, reconcile, take_over
from meridian.replication.sets.state import adopt, reserve

# ---- A1: who is heard


def test_a_sender_is_heard_unless_it_is_lost_here_or_speaks_from_before_its_restore() -> None:
    row = row_of(B)
    authority.hear(row, A, (), 3, 3)
    for lost, incarnation in ((declare_lost(row, A, B), 3), (row, 2)):
        with pytest.raises(NotBelieved) as caught:
            authority.hear(lost, A, (), incarnation, 3)
        assert caught.value.rule is Rule.ROW
    with pytest.raises(NotBelieved):
        authority.hear(None, A, {A}, 3, 3)


def test_a_place_is_prepared_and_a_role_handed_over_by_the_region_itself() -> None:
    authority.require_own_name(A, A)
    authority.require_primary(row_of(B), A)
    attempts: tuple[Callable[[], None], ...] = (lambda: authority.require_own_name(X, A), lambda: authority.require_primary(row_of(B), C))
    for attempt in attempts:
        with pytest.raises(NotBelieved):
            attempt()
    with pytest.raises(NotBelieved):
        authority.require_primary(replace(row_of(B), stale=True), A)
    with pytest.raises(NotBelieved):
        authority.require_primary(None, A)


def test_a_membership_is_spoken_for_by_its_region_under_its_serial() -> None:
    assert authority.membership(row_of(A), B, f"s-{B}") is not None
    assert authority.membership(row_of(A), B, f"s-{C}") is None
    assert authority.membership(row_of(A), X, f"s-{B}") is None
    assert authority.membership(replace(row_of(A), status=RowStatus.GONE), B, f"s-{B}") is None


# ---- A2: the first state


def place(prepared_by: str = A) -> SetRow:
    return reserve(None, ACCOUNT, KEY_ID, f"s-{B}", prepared_by, "request", NOW)


def test_a_reserved_place_follows_the_region_that_prepared_it() -> None:
    assert adopted(place(), B, signed(FIRST, A)).status is RowStatus.LIVE


def test_a_reserved_place_follows_a_handover_of_the_region_that_prepared_it() -> None:
    handed = handed_to(FIRST, C, A)
    row = adopted(place(), B, signed(later(handed), C), signed(handed, A))
    assert signed(handed, A).link in row.links


def test_a_reserved_place_does_not_follow_whoever_names_itself_primary() -> None:
    own = SetState(Term(0, X, 0), 1, X, X, members(X, B), MATERIALS, MATERIAL)
    assert refused(place(), B, signed(own, X)) is Rule.FIRST_STATE
    handed = handed_to(FIRST, X, A)
    assert refused(place(), B, signed(later(handed), X), signed(handed, X)) is Rule.FIRST_STATE


def test_a_first_state_that_lists_the_place_under_another_serial_leads_nowhere() -> None:
    elsewhere = replace(FIRST, members=tuple(replace(m, serial="other") for m in FIRST.members))
    handed = handed_to(FIRST, C, A)
    assert refused(place(), B, signed(later(handed), C), signed(elsewhere, A)) is Rule.FIRST_STATE


# ---- A3: later states


def test_a_later_version_is_signed_by_the_primary() -> None:
    adopted(row_of(B), B, signed(later(FIRST), A))
    assert refused(row_of(B), B, signed(later(FIRST), C)) is Rule.CHAIN
    for issuer in (A, C):
        assert refused(row_of(B), B, signed(replace(later(FIRST), primary=C, issuer=issuer), C)) is Rule.CHAIN


def test_a_handover_is_signed_by_the_primary_before_it() -> None:
    handed = handed_to(FIRST, C, A)
    adopted(row_of(B), B, signed(handed, A))
    assert refused(row_of(B), B, signed(handed_to(FIRST, X, X), X)) is Rule.CHAIN
    assert refused(row_of(B), B, signed(handed_to(FIRST, C, C), C)) is Rule.CHAIN


def test_handovers_that_were_missed_come_along_in_any_order_or_the_state_is_refused_however_high() -> None:
    to_c, far = handed_to(FIRST, C, A), replace(FIRST, term=Term(0, A, 9), version=99, primary=X, issuer=X)
    back = handed_to(later(to_c), A, C)
    row = adopted(row_of(B), B, signed(later(back), A), signed(back, C), signed(to_c, A))
    assert row.links == (signed(to_c, A).link, signed(back, C).link)
    assert refused(row_of(B), B, signed(later(back), A), signed(back, C)) is Rule.CHAIN
    assert refused(row_of(B), B, signed(far, X), signed(to_c, A)) is Rule.CHAIN


def test_the_region_that_named_a_primary_takes_the_role_back_from_one_that_left_unheard() -> None:
    named = handed_to(FIRST, C, A)
    taken_back = handed_to(named, A, A)
    adopted(row_of(B), B, signed(taken_back, A), signed(named, A))
    spoke = handed_to(later(named), A, A)
    assert refused(row_of(B, later(named), C), B, signed(spoke, A)) is Rule.CHAIN


def test_the_newest_state_is_not_signed_by_a_lost_region_whoever_passes_it_on_but_for_the_successor() -> None:
    row, told = declare_lost(row_of(B), A, C), signed(handed_to(FIRST, B, A), A)
    authority.require_signer_heard(row_of(B), X, told, 0)
    authority.require_signer_heard(row, C, told, 0)
    with pytest.raises(NotBelieved) as caught:
        authority.require_signer_heard(row, X, told, 0)
    assert caught.value.rule is Rule.CHAIN


def test_the_newest_state_is_not_from_before_its_signer_was_restored() -> None:
    with pytest.raises(NotBelieved):
        authority.require_signer_heard(row_of(B), C, signed(handed_to(FIRST, B, A), A, incarnation=0), 1)
    authority.require_signer_heard(row_of(B), C, signed(handed_to(FIRST, B, A), A, incarnation=1), 1)


# ---- A4: another generation


TO_C = handed_to(FIRST, C, A)
AFTER_C = generation_of(TO_C, A)
CAME_ALONG = (signed(later(FIRST), A), signed(NEW, C))


def test_a_generation_of_the_named_successor_is_joined_with_the_chain_to_the_end_of_the_old_one() -> None:
    row = declare_lost(row_of(B), A, C)
    joined = adopted(row, B, signed(later(NEW), C), *CAME_ALONG)
    assert (joined.lost, joined.successor) == (frozenset(), "")
    assert {link.signed for link in joined.links} >= {each.signed for each in CAME_ALONG}
    adopted(row, B, signed(generation_of(FIRST, C), C))  # it went on from what this Region knows
    adopted(declare_lost(row_of(B), C, A), B, signed(AFTER_C, A), signed(TO_C, A))  # the handover to the lost Region was missed here


@pytest.mark.parametrize(
    ("row", "told", "earlier"),
    [
        (row_of(B), signed(NEW, C), CAME_ALONG),
        (declare_lost(row_of(B), A, B), signed(NEW, C), CAME_ALONG),
        (declare_lost(row_of(B), A, C), signed(generation_of(FIRST, X), X), ()),
        (declare_lost(row_of(B), C, A), signed(AFTER_C, A), ()),
        (declare_lost(row_of(B), A, C), signed(NEW, X), CAME_ALONG),
        (declare_lost(row_of(B), X, C), signed(NEW, C), CAME_ALONG),
        (declare_lost(row_of(B), A, C), signed(replace(NEW, term=Term(7, C, 0)), C), CAME_ALONG),
        (declare_lost(row_of(B), A, C), signed(later(NEW), C), CAME_ALONG[:1]),
    ],
    ids=["no word", "another successor", "a stranger", "no chain", "signed by another", "its primary is not lost", "far", "no beginning"],
)
def test_any_other_generation_is_refused(row: SetRow, told: Told, earlier: tuple[Told, ...]) -> None:
    assert refused(row, B, told, *earlier) is Rule.GENERATION


def test_a_successor_that_the_old_generation_does_not_list_begins_nothing() -> None:
    row = declare_lost(row_of(B), A, X)
    begun = replace(generation_of(FIRST, X), members=members(X, B))
    assert refused(row, B, signed(begun, X)) is Rule.GENERATION


def test_a_region_that_went_on_alone_rejoins_the_one_that_its_operator_named() -> None:
    ahead = replace(row_of(A, later(FIRST, 9)), rejoin=C)
    adopted(ahead, A, signed(NEW, C), *CAME_ALONG)
    assert refused(replace(ahead, rejoin=B), A, signed(NEW, C), *CAME_ALONG) is Rule.GENERATION
    with pytest.raises(SetRefusal, match="waits for a later generation"):
        adopt(ahead, A, signed(later(FIRST, 10), A), (), ahead.serial, [MATERIAL])


# ---- A5: answers


def stale(region: str, view: SetState = FIRST) -> SetRow:
    return replace(row_of(region, view), stale=True)


def test_an_answer_counts_as_far_as_a_chain_reaches_whoever_shows_it() -> None:
    grown = replace(later(FIRST), members=members(A, B, C, X))
    believed = authority.believe_answers(stale(B), B, [answer(C, signed(FIRST, A)), answer(X, signed(grown, A))], ())
    assert believed.newest == grown
    assert {a.region for a in believed.answers} == {C, X}, "the old primary's signature lists the new member"


def test_a_strangers_own_word_is_no_answer_and_stops_nothing() -> None:
    own = replace(FIRST, term=Term(9, X, 0), version=0, primary=X, issuer=X, members=members(B, X))
    lies = [answer(X, signed(own, X), lost=frozenset({B}), stale=True), answer(C, signed(later(FIRST), A))]
    believed = authority.believe_answers(stale(B), B, lies, ())
    assert believed.newest == later(FIRST)
    assert [(region, refusal.rule) for region, refusal in believed.refused] == [(X, Rule.GENERATION)]
    assert reconcile(stale(B), B, believed).view == later(FIRST)


def test_what_a_member_shows_and_no_chain_reaches_leaves_a_restored_region_stale_until_its_operator_speaks() -> None:
    far = replace(FIRST, term=Term(0, A, 5), version=2, primary=C, issuer=A)
    with pytest.raises(NotBelieved) as caught:
        authority.believe_answers(stale(B), B, [answer(C, signed(far, C))], ())
    assert caught.value.rule is Rule.ANSWERS
    named = replace(stale(B), rejoin=C)
    believed = authority.believe_answers(named, B, [answer(C, signed(far, C))], ())
    joined = reconcile(named, B, believed)
    assert (joined.view, joined.stale, joined.rejoin) == (far, False, "")
    with pytest.raises(NotBelieved):
        authority.believe_answers(replace(stale(B), rejoin=A), B, [answer(C, signed(far, C))], ())


WITHOUT_B = tuple(replace(member, status=MemberStatus.OFF) if member.region == B else member for member in members(A, B, C))
LED_BY_C = replace(FIRST, primary=C, issuer=C, term=Term(0, C, 0), members=WITHOUT_B)


@pytest.mark.parametrize("ahead", [0, 5], ids=["as here", "newer"])
@pytest.mark.parametrize("how", ["no chain", "a generation"])
def test_the_operators_word_gives_nobody_a_set_that_another_region_leads_on(ahead: int, how: str) -> None:
    """The word is said of a Region, for the sake of other sets, perhaps."""
    row = replace(row_of(A, LED_BY_C, C), stale=True, rejoin=B)
    legitimate = signed(later(LED_BY_C, ahead) if ahead else LED_BY_C, C)
    view = generation_of(LED_BY_C, B)
    made_up = signed(replace(view, term=Term(50, B, 0)) if how == "no chain" else view, B)
    with pytest.raises(NotBelieved):
        authority.believe_answers(row, A, [answer(C, legitimate), answer(B, made_up)], [])
    alone = authority.believe_answers(row, A, [answer(C, None), answer(B, made_up)], [])
    assert alone.newest == made_up.state, "where nobody leads on, it counts"


def test_a_set_waits_for_a_region_whose_signed_states_show_it() -> None:
    row = row_of(A, later(FIRST, 9))
    shown = answer(C, signed(NEW, C), *CAME_ALONG)
    assert authority.gone_on_with(row, A, (), shown) == ToldLost(C, 1)
    assert authority.gone_on_with(row, A, (), replace(shown, region=B)) == ToldLost(C, 1), "whoever shows it"
    for nothing in (answer(C, None), answer(C, signed(later(NEW), C)), replace(shown, status=RowStatus.GONE)):
        assert authority.gone_on_with(row, A, (), nothing) is None
    made_up = answer(B, signed(replace(FIRST, term=Term(50, B, 0), version=0, primary=B, issuer=B), B))
    assert authority.gone_on_with(row, A, (), made_up) is None
    assert authority.gone_on_with(replace(row, stale=True), A, (), made_up) == ToldLost(B, 50), "no chain need lead there"
    assert authority.gone_on_with(replace(row, stale=True, serial="another"), A, (), made_up) is None
    assert authority.gone_on_with(replace(row, stale=True), A, (), replace(made_up, region=C)) is None, "its own signature"


def test_the_word_is_for_sets_that_were_shown_to_wait() -> None:
    row = row_of(A)
    shown = replace(row, told_lost=frozenset({ToldLost(B, 1)}))
    assert authority.waits_for(shown, B)
    assert authority.waits_for(replace(shown, stale=True, told_lost=frozenset({ToldLost(B, 0)})), B)
    for other in (row, replace(row, stale=True), replace(row, told_lost=frozenset({ToldLost(B, 0)}))):
        assert not authority.waits_for(other, B)
    assert not authority.waits_for(shown, C)


def test_a_restored_region_knows_its_own_signature_again() -> None:
    mine = handed_to(later(FIRST), C, A)
    believed = authority.believe_answers(stale(A), A, [answer(B, signed(later(mine), C), signed(mine, A))], ())
    assert believed.newest == later(mine)


def test_a_takeover_counts_members_alone_and_keeps_out_what_they_make_up() -> None:
    row = declare_lost(row_of(B), A, B)
    evil = replace(later(FIRST, 50), materials=(*MATERIALS, SetMaterial("e" * 64, 1)), members=members(A, B, C, X))
    same = {"lost": frozenset({A}), "successor": B}
    answers = [answer(C, signed(FIRST, A), **same), answer(X, signed(evil, X), lost=frozenset())]
    taken = take_over(row, B, authority.believe_answers(row, B, answers, ()), [MATERIAL])
    assert taken.view is not None
    assert [(m.region, m.status) for m in taken.view.members] == [(C, MemberStatus.BACK), (B, MemberStatus.ON), (A, MemberStatus.OFF)]
    assert taken.view.material_ids == {MATERIAL}
    assert taken.links[-1] == TermLink(row.signed_view, row.signed_key), "others find the end of the old generation here"
    other = [answer(C, signed(FIRST, A), lost=frozenset({A}), successor=C)]
    with pytest.raises(SetRefusal, match="with the same successor"):
        take_over(row, B, authority.believe_answers(row, B, other, ()), [MATERIAL])
    elsewhere = declare_lost(row_of(B), A, C)
    with pytest.raises(SetRefusal, match="not the named successor"):
        take_over(elsewhere, B, authority.believe_answers(elsewhere, B, [], ()), [MATERIAL])


def test_a_member_comes_back_with_the_state_that_a_chain_reaches_alone() -> None:
    row, old = row_of(C, NEW, C), signed(later(FIRST), A)
    alone = later(FIRST, 7)
    assert authority.believe_return(row, [old], answer(A, signed(alone, A))) == alone
    assert authority.believe_return(row, [old], answer(A, signed(alone, X))) is None


# ---- A6: bytes, not stamps


def test_a_database_is_older_where_bytes_of_its_own_signature_are_newer() -> None:
    row = row_of(A)
    assert authority.is_older_than_its_word(row, A, 2, [signed(later(FIRST), A, 2)])
    for shown in ([], [signed(FIRST, A, 2)], [signed(later(FIRST), B, 2)], [signed(later(FIRST), A, 1)]):
        assert not authority.is_older_than_its_word(row, A, 2, shown)
    assert not authority.is_older_than_its_word(replace(row, stale=True), A, 2, [signed(later(FIRST), A, 2)])


def test_a_quoted_declaration_does_not_stop_a_primary() -> None:
    assert replace(row_of(A), told_lost=frozenset({ToldLost(X, 9)})).acts_as_primary(A)


def test_changes_wait_where_a_counted_member_has_shown_a_later_generation_and_nothing_less_stops_them() -> None:
    row, shown = row_of(A), frozenset({ToldLost(B, 1)})
    assert row.takes_changes(A)
    waiting = replace(row, told_lost=shown)
    assert not waiting.takes_changes(A)
    assert waiting.led_on_by == (B,)
    stranger, told_before = replace(row, told_lost=frozenset({ToldLost(X, 9)})), replace(row, told_lost=frozenset({ToldLost(B, 0)}))
    off = tuple(replace(m, status=MemberStatus.OFF) if m.region == B else m for m in FIRST.members)
    detached = replace(waiting, view=replace(FIRST, members=off))
    for each in (stranger, told_before, detached):
        assert each.takes_changes(A)
        assert each.led_on_by == ()
    assert not replace(row, rejoin=B).takes_changes(A)


# ---- A7: questions


def test_material_is_for_members_that_count() -> None:
    authority.require_reader_of_material(row_of(A), B)
    off = FIRST.with_member(Member(B, f"s-{B}", MemberStatus.OFF))
    for row in (None, row_of(A, replace(FIRST, members=members(A))), row_of(A, off), declare_lost(row_of(A), B, A), place(B)):
        with pytest.raises(NotBelieved) as caught:
            authority.require_reader_of_material(row, B)
        assert caught.value.rule is Rule.MEMBERS


def test_a_detached_member_whose_lead_is_to_be_taken_gets_what_was_made_without_it() -> None:
    detached = row_of(A, FIRST.with_member(Member(B, f"s-{B}", MemberStatus.OFF)))
    followed = replace(detached, rejoin=B, told_lost=frozenset({ToldLost(B, 1)}))
    authority.require_reader_of_material(followed, B)
    stranger = "ca-central-1"
    for row, sender in (
        (replace(followed, rejoin=C), B),
        (replace(followed, rejoin=""), B),
        (replace(followed, lost=frozenset({B})), B),
        (replace(followed, status=RowStatus.GONE), B),
        (replace(followed, rejoin=stranger), stranger),
        (replace(followed, told_lost=frozenset()), B),  # the word alone: no generation of it was verified here
        (replace(followed, told_lost=frozenset({ToldLost(C, 1)})), B),
        (replace(followed, told_lost=frozenset({ToldLost(B, 0)})), B),
        (replace(followed, stale=True), B),  # no chain need lead to what a restored Region was shown
    ):
        with pytest.raises(NotBelieved):
            authority.require_reader_of_material(row, sender)


def test_questions_are_for_members_detached_ones_too_and_for_the_region_that_prepared_the_place() -> None:
    off = FIRST.with_member(Member(B, f"s-{B}", MemberStatus.OFF))
    assert authority.may_ask_of_set(row_of(A, off), B)
    assert authority.may_ask_of_set(place(A), A)
    assert not authority.may_ask_of_set(row_of(A), X)
    assert not authority.may_ask_of_set(place(A), X)


# ---- A8: serials


def test_a_place_is_resolved_that_was_made_here_or_is_listed() -> None:
    authority.require_own_serial(row_of(A), X, "made here", is_own=True)
    authority.require_own_serial(row_of(A), B, f"s-{B}", is_own=False)
    for row in (row_of(A), None):
        with pytest.raises(NotBelieved) as caught:
            authority.require_own_serial(row, X, f"s-{B}", is_own=False)
        assert caught.value.rule is Rule.SERIAL
    with pytest.raises(NotBelieved):
        authority.require_own_serial(stale(A), X, "made here", is_own=True)


# ---- A3: what a primary may leave out

SECOND, THIRD = "b" * 64, "c" * 64
BOTH = replace(FIRST, materials=(*MATERIALS, SetMaterial(SECOND, 1)), current=SECOND)
ROLLED_BACK = {
    "the newest": replace(BOTH, materials=MATERIALS, current=MATERIAL),
    "the oldest": replace(BOTH, materials=(SetMaterial(SECOND, 0),)),
    "all, for one of its own": replace(BOTH, materials=(SetMaterial(THIRD, 0),), current=THIRD),
    "one, by making it pending first": replace(BOTH, current=MATERIAL, pending=SECOND),
}


@pytest.mark.parametrize("rolled_back", ROLLED_BACK.values(), ids=ROLLED_BACK.keys())
@pytest.mark.parametrize("step", [later, lambda state: handed_to(state, C, A)], ids=["a version", "a handover"])
def test_no_member_forgets_material_at_its_primary_s_word(rolled_back: SetState, step: Callable[[SetState], SetState]) -> None:
    told = signed(step(rolled_back), A)
    with pytest.raises(NotBelieved, match="leaves out key material") as caught:
        adopt(row_of(B, BOTH), B, told, (), f"s-{B}", [MATERIAL, SECOND, THIRD])
    assert caught.value.rule is Rule.CHAIN


def test_no_member_forgets_material_that_only_a_state_on_the_way_lists() -> None:
    on_the_way, rolled_back = signed(handed_to(BOTH, X, A), A), signed(later(handed_to(FIRST, X, A)), X)
    with pytest.raises(NotBelieved, match="no chain"):
        adopt(row_of(B), B, rolled_back, (on_the_way,), f"s-{B}", [MATERIAL, SECOND])


def test_what_only_waited_to_be_current_may_be_given_up() -> None:
    waiting = replace(BOTH, current=MATERIAL, pending=SECOND)
    given_up = signed(later(FIRST), A)
    found = adopt(row_of(B, waiting), B, given_up, (), f"s-{B}", [MATERIAL])
    assert found is not None
    assert found.view == given_up.state


def test_the_named_successor_takes_no_material_away() -> None:
    row = declare_lost(row_of(B, BOTH), A, C)
    for kept, is_believed in ((BOTH, True), (replace(BOTH, materials=MATERIALS, current=MATERIAL), False)):
        told = signed(generation_of(kept, C), C)
        if is_believed:
            assert adopt(row, B, told, (), f"s-{B}", [MATERIAL, SECOND]) is not None
        else:
            with pytest.raises(NotBelieved, match="no chain"):
                adopt(row, B, told, (), f"s-{B}", [MATERIAL, SECOND])


def test_an_answer_makes_a_restored_region_forget_no_material() -> None:
    row = replace(row_of(B, BOTH), stale=True)
    told = signed(later(replace(BOTH, materials=MATERIALS, current=MATERIAL)), A)
    shown = Answer(A, RowStatus.LIVE, f"s-{A}", told, (), frozenset(), "", False, "", frozenset())
    with pytest.raises(NotBelieved, match="no chain"):
        authority.believe_answers(row, B, [shown], ())
