"""A Region whose membership has ended gets another: what the ended one knew still counts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.databases import migrated_sqlite
from tests.region_in_process import KEY_ID as KEY_OF_REGIONS
from tests.region_in_process import regions
from tests.unit.replication.sets.made_sets import (
    ACCOUNT,
    FIRST,
    KEY_ID,
    MATERIAL,
    MATERIALS,
    NEW,
    A,
    B,
    C,
    X,
    adopted,
    handed_to,
    later,
    members,
    refused,
    row_of,
    signed,
)

from meridian.domain.multi_region import Member, MemberStatus, RowStatus, SetRow, SetState, Term
from meridian.replication.sets import authority
from meridian.replication.sets.claims import NotBelieved, Rule
from meridian.replication.sets.loss import declare_lost
from meridian.replication.sets.state import adopt, release, reserve

AGAIN = "s-again"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def ended(view: SetState = FIRST) -> SetRow:
    return replace(row_of(B, view), status=RowStatus.GONE)


def place(prepared_by: str = A, before: SetRow | None = None) -> SetRow:
    return reserve(before or ended(), ACCOUNT, KEY_ID, AGAIN, prepared_by, "request", NOW)


def listing(view: SetState) -> SetState:
    """The next version of this state, with the new membership."""
    return view.without_member(B).with_member(Member(B, AGAIN, MemberStatus.NEW))


def test_the_primary_replicates_again_where_its_replica_was_deleted() -> None:
    assert adopted(place(), B, signed(listing(FIRST), A)).status is RowStatus.LIVE
    handed = handed_to(FIRST.without_member(B), C, A)
    adopted(place(C), B, signed(listing(handed), C), signed(handed, A))  # the role has moved since


def test_a_region_that_the_ended_membership_did_not_know_prepares_nothing() -> None:
    for before in (ended(), release(place())):
        with pytest.raises(NotBelieved) as caught:
            place(X, before)
        assert caught.value.rule is Rule.FIRST_STATE


def test_nobody_lends_himself_the_lead_of_a_set_that_has_ended_here() -> None:
    own = SetState(Term(0, X, 0), 0, X, X, tuple(sorted((*members(X), Member(B, AGAIN, MemberStatus.ON)))), MATERIALS, MATERIAL)
    listed = ended(replace(FIRST, members=members(A, B, X)))
    for before in (listed, release(place(X, listed))):
        assert refused(place(X, before), B, signed(own, X)) is Rule.FIRST_STATE  # below what was known
        high = replace(own, term=Term(0, A, 9))
        assert refused(place(X, before), B, signed(high, X)) is Rule.CHAIN
        other = replace(own, term=Term(9, X, 0))
        assert refused(place(X, before), B, signed(other, X)) is Rule.GENERATION
    mine = handed_to(own, B, X)
    assert refused(place(X, listed), B, signed(mine, X), signed(own, X)) is Rule.FIRST_STATE


def test_what_is_not_newer_than_the_ended_membership_is_no_answer_to_it() -> None:
    same = replace(listing(FIRST), version=FIRST.version)
    assert refused(place(), B, signed(same, A)) is Rule.FIRST_STATE


def test_a_later_generation_is_followed_at_the_operators_word_alone() -> None:
    came = (signed(later(FIRST), A), signed(NEW, C))
    told = signed(listing(NEW), C)
    assert refused(place(C), B, told, *came) is Rule.GENERATION
    assert adopted(declare_lost(place(C), A, C), B, told, *came).lost == frozenset()


def test_bytes_of_a_membership_that_has_ended_make_no_database_old() -> None:
    row = adopted(place(), B, signed(listing(FIRST), A))
    old = signed(later(handed_to(FIRST, B, A)), B)
    assert not authority.is_older_than_its_word(row, B, 0, [old])
    mine = listing(handed_to(FIRST, B, A))
    assert authority.is_older_than_its_word(row, B, 0, [signed(mine, B)])


def test_a_state_of_the_ended_membership_is_not_taken_for_the_new_one() -> None:
    with pytest.raises(Exception, match="does not list this membership"):
        adopt(place(), B, signed(later(FIRST), A), (), AGAIN, [MATERIAL])


def test_a_replica_is_made_anew_and_a_place_that_is_never_filled_stops_nobody(tmp_path: Path) -> None:
    empty = migrated_sqlite()

    async def history() -> None:
        network = await regions(tmp_path, [A, B, C], empty)
        first, second, third = (network.regions[name] for name in (A, B, C))

        async def rounds(count: int) -> None:
            for _ in range(count):
                for region in network.regions.values():
                    await region.work()

        try:
            await first.create()
            for other in (second, third):
                await first.replicate(other)
            await rounds(3)
            network.cut.add(frozenset((A, B)))
            await second.delete()
            before = await second.row()
            assert before is not None
            serial = third.engine.serials.membership_serial(ACCOUNT, KEY_OF_REGIONS, B)
            async with second.store.transaction() as uow:  # another member prepares there, and never commits
                await uow.key_sets.update(reserve(before, ACCOUNT, KEY_OF_REGIONS, serial, C, "request", NOW))
            network.cut.clear()
            await first.rotate()
            await rounds(4)
            row, after = await first.row(), await second.row()
            assert row is not None
            assert row.view is not None
            assert row.view.find_member(B) is None, "the primary hears that the old membership has ended"
            assert not row.view.pending
            assert after is not None
            assert (after.status, after.view) == (RowStatus.NONE, before.view)
            await first.replicate(second)
            await rounds(3)
            made = await second.row()
            assert made is not None
            assert (made.status, made.serial != before.serial) == (RowStatus.LIVE, True)
        finally:
            for region in network.regions.values():
                await region.store.close()

    asyncio.run(asyncio.wait_for(history(), 100))
