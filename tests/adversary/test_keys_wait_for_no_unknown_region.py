"""A primary that nobody configured is refused, and no key waits for Regions that an operator gave up or that nobody can tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.adversary.test_one_region_holds_up_no_other import (
    SILENT,
    A,
    B,
    empty,
    make_key_that_cannot_leave,
    number,
    run,
    settle,
    three,
)  # fmt: skip
from tests.region_in_process import ACCOUNT, KEY_ID, InProcessRegion

from meridian.domain.multi_region import Member, MemberStatus, SetRow
from meridian.domain.peer_message import DeliverSetState, SignedSetState
from meridian.errors import AccessDeniedException
from meridian.replication.publish import HELD
from meridian.replication.wire.set_state import encode_set_state

__all__ = ["empty"]

GHOST = "eu-north-9"
"""A Region that nobody configured."""


def test_a_primary_that_hands_its_role_to_a_region_that_nobody_configured_is_refused(tmp_path: Path, empty: Path) -> None:
    async def steps() -> None:
        _, a, b, liar = await three(tmp_path, empty)
        await liar.create()
        await liar.replicate(b)
        await settle(a, b, liar)
        row = await b.row()
        assert row is not None
        view = row.view
        assert view is not None
        members = tuple(sorted((*view.members, Member(GHOST, "e" * 64, MemberStatus.ON))))
        next_term = view.term._replace(number=view.term.number + 1)
        moved = replace(view, term=next_term, version=0, primary=GHOST, issuer=SILENT, members=members)
        own, public = liar.identity, liar.engine.envelopes.transport_public_key()
        signed = liar.engine.envelopes.sign_set_state(
            encode_set_state(SignedSetState(own.deployment, own.partition, ACCOUNT, KEY_ID, SILENT, own.incarnation, moved))
        )
        message = DeliverSetState(signed, row.serial, (), 10**6, own.incarnation, "lie", public, (), public)
        with pytest.raises(AccessDeniedException, match="not configured"):
            await b.messages.set_state(b.peers[SILENT], message)
        assert (await b.row()) == row
        assert b.events.rules(SILENT) == {"A3"}

    run(steps())


def test_a_key_leaves_though_lost_detached_and_unknown_regions_have_not_heard(tmp_path: Path, empty: Path) -> None:
    async def steps() -> None:
        _, _, b, _ = await three(tmp_path, empty)
        now = b.clock.now()
        for n in range(4):
            await make_key_that_cannot_leave(b, number(n))
        lost, off, ghost, led = [await row_of(b, number(n)) for n in range(4)]
        assert led.view is not None
        gone = Member(SILENT, "a" * 64, MemberStatus.OFF)
        async with b.store.transaction() as uow:
            await uow.key_sets.update(replace(lost, lost=frozenset({SILENT})))
            # Detached by the Region that leads now; what waits is for the one that led before.
            others = (gone, Member(A, "c" * 64, MemberStatus.ON), Member(B, "b" * 64, MemberStatus.ON))
            await uow.key_sets.update(replace(off, view=replace(led.view, primary=A, members=others)))
            await uow.outbox.put(HELD, GHOST, ACCOUNT, number(2), request_id="r", now=now)
            await uow.key_sets.update(replace(ghost, lost=frozenset({SILENT})))
            await uow.key_sets.update(replace(led, view=replace(led.view, primary=B, members=(gone, Member(B, "b" * 64, MemberStatus.ON)))))
        await b.schedule.settle_due()
        assert [await is_here(b, number(n)) for n in range(4)] == [False, False, True, False], "only for the unknown one it waits"
        await b.outbox.drop_unsendable()
        await b.schedule.settle_due()
        assert not await is_here(b, number(2))
        async with b.store.reading() as uow:
            assert SILENT in {entry.target_region for entry in await uow.outbox.list(limit=99)}, "what can be sent is kept"

    run(steps())


async def row_of(region: InProcessRegion, key_id: str) -> SetRow:
    async with region.store.reading() as uow:
        row = await uow.key_sets.find(ACCOUNT, key_id)
    assert row is not None
    return row


async def is_here(region: InProcessRegion, key_id: str) -> bool:
    async with region.store.reading() as uow:
        return await uow.keys.find(ACCOUNT, key_id) is not None
