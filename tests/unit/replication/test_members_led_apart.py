"""A Region that is handed the role tells one member that it has taken it, and another that it left: the honest members come together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.databases import migrated_sqlite
from tests.region_in_process import ACCOUNT, KEY_ID, REQUEST, InProcessRegion, regions

from meridian.administration import other_regions as words
from meridian.domain.multi_region import OperatorWord, SetRow, SetState
from meridian.domain.peer_message import DeliverGone, DeliverSetState, SignedSetState
from meridian.errors import AccessDeniedException
from meridian.replication.sets.state import farewell, next_term
from meridian.replication.wire.set_state import encode_set_state

pytestmark = pytest.mark.thorough

HOME, AWAY, LIAR = "us-east-1", "eu-west-1", "ap-south-1"


class Apart:
    """Three members; the role is on its way to the liar, which has told AWAY alone that it took it."""

    def __init__(self, home: InProcessRegion, away: InProcessRegion, liar: InProcessRegion) -> None:
        self.home, self.away, self.liar = home, away, liar
        self.sent = 0

    async def begin(self) -> None:
        await self.home.create()
        for other in (self.away, self.liar):
            await self.home.replicate(other)
        for _ in range(3):
            for region in (self.home, self.away, self.liar):
                await region.work()
        self.before = await self.row(self.liar)  # what it knew before it was handed the role
        await self.home.hand_over(self.liar)
        self.home.network.cut |= {frozenset((LIAR, HOME)), frozenset((LIAR, AWAY))}  # from now on it speaks through these tests alone
        await self.rounds(2)
        handed = await self.row(self.home)
        assert handed.view is not None
        assert handed.view.primary == LIAR
        await self.tells_away(replace(handed.view, version=1))

    async def row(self, region: InProcessRegion) -> SetRow:
        row = await region.row()
        assert row is not None
        return row

    async def rounds(self, count: int) -> None:
        for _ in range(count):
            for region in (self.home, self.away):
                await region.work()

    def signed(self, state: SetState) -> bytes:
        own = self.liar.identity
        body = SignedSetState(own.deployment, own.partition, ACCOUNT, KEY_ID, LIAR, own.incarnation, state)
        return self.liar.engine.envelopes.sign_set_state(encode_set_state(body))

    async def tells_away(self, state: SetState) -> None:
        await self.tells(self.away, state)

    async def tells_home(self, state: SetState) -> None:
        row = await self.row(self.home)
        assert row.view is not None
        await self.tells(self.home, replace(row.view, version=1))  # it took the role before it hands it on
        await self.tells(self.home, state)

    async def tells(self, to: InProcessRegion, state: SetState) -> None:
        self.sent += 1
        row, public = await self.row(to), self.liar.engine.envelopes.transport_public_key()
        message = DeliverSetState(self.signed(state), row.serial, (), 900_000 + self.sent, 0, REQUEST, public, (), public)
        assert await to.messages.set_state(to.peers[LIAR], message)

    async def tells_home_that_it_left(self, signed_state: bytes) -> None:
        public = self.liar.engine.envelopes.transport_public_key()
        assert self.before.view is not None
        message = DeliverGone(ACCOUNT, KEY_ID, self.before.serial, self.before.view.term, REQUEST, 0, signed_state, public)
        await self.home.messages.gone(self.home.peers[LIAR], message)

    def farewell(self) -> bytes:
        state = farewell(self.before, LIAR)
        assert state is not None
        return self.signed(state)

    async def require_one(self, primary: str) -> None:
        home, away = await self.row(self.home), await self.row(self.away)
        assert home.view == away.view
        assert home.view is not None
        assert home.view.primary == primary
        assert not (home.lost)
        assert not (away.lost)
        assert not (home.rejoin)
        assert not away.rejoin
        for region in (self.home, self.away):
            key = await region.key()
            assert key is not None
            assert not key.pending_material_id
            assert key.current_material_id in {m.material_id for m in key.materials if m.is_present}


def run(tmp_path: Path, test: Callable[[Apart], Awaitable[None]]) -> None:
    empty = migrated_sqlite()

    async def three() -> None:
        network = await regions(tmp_path, [HOME, AWAY, LIAR], empty)
        apart = Apart(*(network.regions[name] for name in (HOME, AWAY, LIAR)))
        try:
            await apart.begin()
            await test(apart)
        finally:
            for region in network.regions.values():
                await region.store.close()

    asyncio.run(asyncio.wait_for(three(), 120))


def test_that_a_successor_left_is_not_believed_without_its_signature(tmp_path: Path) -> None:
    async def test(apart: Apart) -> None:
        for word in (b"", apart.signed(apart.before.view) if apart.before.view else b""):
            with pytest.raises(AccessDeniedException):
                await apart.tells_home_that_it_left(word)
        await apart.rounds(3)
        await apart.require_one(LIAR)  # both follow whom HOME named, and its operators can give it up
        for region in (apart.home, apart.away):
            await region.say(words.declaring_lost(HOME), LIAR)
        await apart.home.say(words.asking(OperatorWord.TAKE_OVER), LIAR)
        await apart.rounds(4)
        await apart.require_one(HOME)

    run(tmp_path, test)


def test_what_shows_one_member_that_the_successor_left_shows_it_to_all(tmp_path: Path) -> None:
    async def test(apart: Apart) -> None:
        await apart.tells_home_that_it_left(apart.farewell())
        taken_back = await apart.row(apart.home)
        assert taken_back.acts_as_primary(HOME)
        await apart.home.rotate()
        await apart.rounds(4)
        await apart.require_one(HOME)
        assert apart.away.events.rules(HOME) == set()
        there = await apart.row(apart.away)
        assert set(taken_back.links) <= set(there.links), "who missed it finds the proof here, too"

    run(tmp_path, test)


def test_members_that_were_led_apart_come_together_at_their_operators_words(tmp_path: Path) -> None:
    """As an earlier release left them: HOME took the role back and has nothing to show for it."""

    async def test(apart: Apart) -> None:
        home, row = apart.home, await apart.row(apart.home)
        assert row.view is not None
        async with home.store.transaction() as uow:
            back = next_term(row, row.view.without_member(LIAR), issuer=HOME, primary=HOME)
            assert back.view is not None
            now = await uow.region.now()
            await home.issuer.publish(uow, back, back.view, request_id=REQUEST, now=now)
        await apart.rounds(3)
        assert (await apart.row(apart.away)).view != (await apart.row(home)).view
        assert apart.away.events.rules(HOME) == {"A3"}
        await apart.away.say(words.rejoin, HOME)
        assert not (await apart.row(apart.away)).rejoin, "nobody has given up the Region that it follows"

        for region in (home, apart.away):
            await region.say(words.declaring_lost(HOME), LIAR)
        await home.say(words.asking(OperatorWord.TAKE_OVER), LIAR)
        await apart.rounds(3)
        assert (await apart.row(apart.away)).view != (await apart.row(home)).view
        await home.rotate()
        await apart.away.say(words.rejoin, HOME)
        assert (await apart.row(apart.away)).rejoin == HOME
        await apart.rounds(4)
        await apart.require_one(HOME)

    run(tmp_path, test)


def test_a_role_that_was_handed_on_to_one_and_kept_for_another_is_one_again_after_the_takeover(tmp_path: Path) -> None:
    """However high a stamp the lost Region has shown to those that it kept."""

    async def test(apart: Apart) -> None:
        away = await apart.row(apart.away)
        assert away.view is not None
        taken = away.view
        far = replace(taken, version=99)
        await apart.tells_home(replace(taken, term=taken.term._replace(number=taken.term.number + 1), version=0, primary=HOME, issuer=LIAR))
        for _ in range(5):
            far = replace(far, term=far.term._replace(number=far.term.number + 1), version=0, primary=LIAR, issuer=LIAR)
            await apart.tells_away(far)
        assert (await apart.row(apart.home)).acts_as_primary(HOME)
        await apart.rounds(3)
        assert (await apart.row(apart.home)).view != (await apart.row(apart.away)).view
        for region in (apart.home, apart.away):
            await region.say(words.declaring_lost(HOME), LIAR)
        await apart.home.say(words.asking(OperatorWord.TAKE_OVER), LIAR)
        await apart.rounds(5)
        await apart.require_one(HOME)
        await apart.home.rotate()
        await apart.rounds(3)
        await apart.require_one(HOME)

    run(tmp_path, test)


def test_two_members_that_were_both_named_primary_are_one_set_again_after_the_takeover(tmp_path: Path) -> None:
    async def test(apart: Apart) -> None:
        away = await apart.row(apart.away)
        assert away.view is not None
        term = away.view.term._replace(number=away.view.term.number + 1)
        await apart.tells_home(replace(away.view, term=term, version=0, primary=HOME, issuer=LIAR))
        await apart.tells_away(replace(away.view, term=term, version=0, primary=AWAY, issuer=LIAR))
        assert not apart.home.events.signed_twice()
        await apart.rounds(2)
        for region, name in ((apart.home, HOME), (apart.away, AWAY)):
            assert (await apart.row(region)).acts_as_primary(name)
            assert region.events.signed_twice() == {LIAR}, "that there are two is told in both"
            await region.say(words.declaring_lost(HOME), LIAR)
        await apart.home.say(words.asking(OperatorWord.TAKE_OVER), LIAR)
        await apart.rounds(4)
        assert (await apart.row(apart.away)).acts_as_primary(AWAY), "nobody has given up the role that it has"
        for region in (apart.home, apart.away):
            await region.say(words.withdraw_lost, LIAR)
        await apart.rounds(2)
        await apart.away.say(words.rejoin, HOME)
        await apart.home.say(words.asking(OperatorWord.TAKE_BACK), AWAY)
        await apart.rounds(5)
        await apart.require_one(HOME)

    run(tmp_path, test)


def test_two_states_under_one_stamp_are_told_and_the_first_stays(tmp_path: Path) -> None:
    """One Region is shown both; then each of two is shown one of them, and they hear it of each other."""

    async def test(apart: Apart) -> None:
        away = await apart.row(apart.away)
        assert away.view is not None
        another = replace(away.view, rotation_period_in_days=100)
        await apart.tells_away(away.view)  # as it was, signed anew
        assert not apart.away.events.signed_twice()
        await apart.tells_away(another)
        assert apart.away.events.signed_twice() == {LIAR}
        assert (await apart.row(apart.away)).view == away.view
        await apart.rounds(2)
        assert (await apart.row(apart.home)).view == away.view
        assert not apart.home.events.signed_twice()

        first = replace(away.view, version=2)
        await apart.tells(apart.home, first)
        await apart.tells_away(replace(first, rotation_period_in_days=200))
        apart.away.events.reported.clear()
        kept = [(await apart.row(region)).view for region in (apart.home, apart.away)]
        await apart.rounds(4)
        assert [(await apart.row(region)).view for region in (apart.home, apart.away)] == kept
        assert apart.home.events.signed_twice() == apart.away.events.signed_twice() == {LIAR}
        assert not apart.home.events.rules(AWAY) | apart.away.events.rules(HOME), "who passed it on is not blamed"

        await apart.tells_away(replace(first, version=3))  # what follows both ends it
        await apart.rounds(3)
        await apart.require_one(LIAR)

    run(tmp_path, test)
