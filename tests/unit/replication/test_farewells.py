"""What a Region signs of its own end: it gives a role back to whom it came from, and nobody anything else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.replication.sets.made_sets import FIRST, A, B, C, X, adopted, handed_to, later, refused, row_of, signed

from meridian.domain.multi_region import Member, MemberStatus, RowStatus, SetRow, SetState
from meridian.replication.sets.claims import Rule, Told
from meridian.replication.sets.state import SetRefusal, add_member, farewell, part

NAMED = handed_to(FIRST, C, A)
SPOKE = later(NAMED)
TAKEN_BACK = handed_to(NAMED.without_member(C), A, A)


def of(region: str, state: SetState) -> SetState:
    found = farewell(replace(row_of(region, state), status=RowStatus.GONE), region)
    assert found is not None
    return found


def with_serial(state: SetState, region: str, serial: str) -> SetState:
    others = tuple(m for m in state.members if m.region != region)
    return replace(state, members=tuple(sorted((*others, Member(region, serial, MemberStatus.OFF)))))


WORD = signed(of(C, FIRST), C)
NO_PROOF = {
    "a state of the primary": signed(FIRST, A),
    "of another": signed(of(B, FIRST), B),
    "signed by another": signed(of(C, FIRST), B),
    "of another membership": signed(with_serial(FIRST, C, "other"), C),
    "of the term itself": signed(with_serial(replace(SPOKE, primary=B, issuer=B), C, f"s-{C}"), C),
    "of another generation": signed(of(C, replace(FIRST, term=FIRST.term._replace(origin=X))), C),
    "a state, not a farewell": signed(FIRST, C),
}


def home() -> SetRow:
    return row_of(A, NAMED)


def test_the_role_comes_back_with_the_farewell_and_members_that_were_told_otherwise_follow() -> None:
    back = part(home(), A, C, f"s-{C}", WORD)
    assert back is not None
    assert back.view == TAKEN_BACK
    assert back.links == (WORD.link,)
    for view in (SPOKE, later(SPOKE, 7)):
        row = adopted(row_of(B, view, C), B, signed(TAKEN_BACK, A), WORD)
        assert set(row.links) == {WORD.link, signed(TAKEN_BACK, A).link}
    row = adopted(row_of(B), B, signed(later(TAKEN_BACK), A), signed(NAMED, A), signed(SPOKE, C), WORD, signed(TAKEN_BACK, A))
    assert signed(NAMED, A).link in row.links


@pytest.mark.parametrize("word", NO_PROOF.values(), ids=NO_PROOF)
def test_nothing_else_gives_it_back_or_takes_it_from_a_primary(word: Told) -> None:
    assert part(home(), A, C, f"s-{C}", word) is None
    assert part(home(), A, C, f"s-{C}", None) is None
    assert refused(row_of(B, SPOKE, C), B, signed(TAKEN_BACK, A), word) is Rule.CHAIN


def test_a_farewell_gives_the_role_to_nobody_but_the_region_that_it_came_from() -> None:
    for state, signer in (
        (handed_to(SPOKE, B, B), B),
        (handed_to(SPOKE, B, A), A),
        (handed_to(SPOKE, X, X), X),
        (replace(TAKEN_BACK, version=1), A),
        (replace(TAKEN_BACK, term=TAKEN_BACK.term._replace(number=9)), A),
    ):
        assert refused(row_of(B, SPOKE, C), B, signed(state, signer), WORD) is Rule.CHAIN


def test_a_farewell_is_no_state_of_the_set() -> None:
    assert refused(row_of(B, replace(FIRST, version=1)), B, WORD) is Rule.CHAIN
    with pytest.raises(SetRefusal, match="does not act as primary"):
        add_member(row_of(C, WORD.state), C, X, "s")


def test_who_speaks_for_the_last_term_signs_none_for_it_would_be_another_state_of_one_stamp() -> None:
    assert farewell(row_of(A, FIRST), A) is None
    assert farewell(row_of(A, NAMED), A) is None
    assert farewell(row_of(A, SPOKE), A) is not None
    assert farewell(SetRow("1" * 12, "mrk-", RowStatus.GONE, "s"), A) is None
    assert not signed(with_serial(FIRST, A, f"s-{A}"), A).is_farewell
