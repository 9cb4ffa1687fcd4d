"""The steps of the handover model on two and three real Regions' stores: what callers and operators begin, in any order, while the
network cuts, repeats and delays; then everybody finishes what was begun, and the set must be one again."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.databases import migrated_sqlite
from tests.hostile_in_process import EVIL, add_hostile, tell_lies
from tests.network_in_process import Network
from tests.region_in_process import ACCOUNT, KEY_ID, InProcessRegion, regions

from meridian.administration import other_regions as words
from meridian.domain.multi_region import MemberStatus, OperatorWord, RowStatus, SetRow, Stamp
from meridian.replication.sets.claims import NotBelieved
from meridian.replication.sets.state import reserve

FOLDER = tempfile.TemporaryDirectory(prefix="sets-")
NUMBERS = itertools.count()
ROUNDS_TO_SETTLE = 8
NAMES = ("us-east-1", "eu-west-1", "ap-south-1")
STRANGER = "ca-central-1"
"""A configured Region that no set lists, in an attacker's hands."""


@pytest.fixture(autouse=True)
def quiet() -> None:
    """What cannot be mended yet is expected here, over and over."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


class Sets(RuleBasedStateMachine):
    """Three Regions; the first creates the key, two are members at the start."""

    names: tuple[str, ...] = NAMES

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        folder = Path(FOLDER.name) / str(next(NUMBERS))
        folder.mkdir()
        self.network: Network = self.run(regions(folder, self.names, migrated_sqlite()))
        self.hostile = self.run(add_hostile(self.network, folder, migrated_sqlite(), STRANGER))
        self.lies = 0
        self.highest: dict[str, Stamp] = {}
        self.ended: set[str] = set()
        self.used: dict[str, set[str]] = {name: set() for name in self.names}
        self.lost_once = self.restored_once = False
        self.successor = self.given_up = ""
        self.backups: dict[str, set[str]] = {}
        """What each Region had used when it was backed up: a restore loses what nobody else holds."""
        first = self.region(0)
        self.run(first.create())
        self.run(first.replicate(self.region(1)))
        self.finish_rounds(3)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, 20))

    def region(self, number: int) -> InProcessRegion:
        found: InProcessRegion = self.network.regions[self.names[number % len(self.names)]]
        return found

    def rows(self) -> dict[str, SetRow]:
        found = {name: self.run(region.row()) for name, region in self.network.regions.items()}
        return {name: row for name, row in found.items() if row is not None}

    def finish_rounds(self, count: int) -> None:
        for _ in range(count):
            for region in self.network.regions.values():
                self.run(region.work())

    # ---- callers

    @rule(at=st.integers(0, 2))
    def rotate(self, at: int) -> None:
        self.run(self.region(at).rotate())

    @rule(at=st.integers(0, 2), to=st.integers(1, 2))
    def move(self, at: int, to: int) -> None:
        self.run(self.region(at).hand_over(self.region(at + to)))

    @rule(at=st.integers(0, 2), to=st.integers(1, 2))
    def replicate(self, at: int, to: int) -> None:
        self.run(self.region(at).replicate(self.region(at + to)))

    @rule(at=st.integers(0, 2))
    def delete(self, at: int) -> None:
        if not self.lost_once:  # the model covers it; the operators' finish below does not
            self.run(self.region(at).delete())
            self.ended.add(self.region(at).name)
            if self.run(self.region(at).key()) is None:
                self.used[self.region(at).name] = set()
                self.backups.pop(self.region(at).name, None)

    # ---- the network and the workers

    @rule(at=st.integers(0, 2), to=st.integers(1, 2))
    def cut_or_heal(self, at: int, to: int) -> None:
        self.network.cut ^= {frozenset((self.region(at).name, self.region(at + to).name))} - {frozenset((self.region(at).name,))}

    @rule(at=st.integers(0, 2))
    def send(self, at: int) -> None:
        self.run(self.region(at).send())

    @rule(at=st.integers(0, 2))
    def work(self, at: int) -> None:
        self.run(self.region(at).work())

    @rule(number=st.integers(0, 10_000))
    def arrive_again(self, number: int) -> None:
        if self.network.deliveries:
            self.run(self.network.again(number))

    # ---- operators

    @rule(at=st.integers(0, 2), about=st.integers(1, 2))
    def detach(self, at: int, about: int) -> None:
        if self.region(at) is not self.region(at + about):
            self.run(self.region(at).say(words.asking(OperatorWord.DETACH), self.region(at + about).name))

    @rule(at=st.integers(0, 2))
    def give_the_primary_up(self, at: int) -> None:
        row = self.rows().get(self.region(at).name)
        if (
            self.lost_once
            or row is None
            or row.status is not RowStatus.LIVE
            or row.view is None
            or row.view.primary == self.region(at).name
        ):
            return
        self.lost_once = True
        self.successor = self.region(at).name
        self.given_up = row.view.primary
        self.run(self.region(at).say(words.declaring_lost(self.successor), row.view.primary))
        self.run(self.region(at).say(words.asking(OperatorWord.TAKE_OVER), row.view.primary))

    @rule(at=st.integers(0, 2))
    def back_up(self, at: int) -> None:
        row = self.rows().get(self.region(at).name)
        if row is not None and row.status is RowStatus.LIVE:
            self.region(at).backup()
            self.backups[self.region(at).name] = set(self.used[self.region(at).name])

    @rule(at=st.integers(0, 2))
    def restore(self, at: int) -> None:
        region = self.region(at)
        row = self.rows().get(region.name)
        if self.restored_once or region.name not in self.backups or row is None or row.status is not RowStatus.LIVE:
            return
        self.restored_once = True
        self.run(region.restore())
        self.used[region.name] = set(self.backups[region.name])

    # ---- attackers

    @rule(at=st.integers(0, 2))
    def a_stranger_lies(self, at: int) -> None:
        self.lies += 1
        assert not self.run(tell_lies(self.hostile, self.region(at), self.lies)), "a stranger's state is taken"
        assert self.run(self.hostile.pry(self.region(at))) == []

    @rule(at=st.integers(0, 2), to=st.integers(1, 2))
    def a_member_lies(self, at: int, to: int) -> None:
        """A Region that the other does not know as primary signs that it is."""
        liar, victim = self.region(at), self.region(at + to)
        row = self.rows().get(victim.name)
        if liar is victim or row is None or row.view is None or liar.name in (row.view.primary, row.view.issuer):
            return
        self.lies += 1
        assert not self.run(tell_lies(liar, victim, 1_000_000 + self.lies)), "a member's forged state is taken"

    @rule(at=st.integers(0, 2))
    def a_stranger_prepares(self, at: int) -> None:
        """Where a membership has ended, for the stranger to lead it."""
        row = self.rows().get(self.region(at).name)
        if row is not None and row.view is not None and row.status in (RowStatus.NONE, RowStatus.GONE):
            with pytest.raises(NotBelieved):
                reserve(row, ACCOUNT, KEY_ID, "e" * 64, STRANGER, "lie", self.region(at).clock.now())

    # ---- what always holds

    @invariant()
    def no_membership_begins_below_what_was_known_here(self) -> None:
        for name, row in self.rows().items():
            if row.view is None:
                assert name not in self.highest, "what an ended membership knew is forgotten"
                continue
            assert self.restored_once or row.view.stamp >= self.highest.get(name, row.view.stamp), "a stamp falls"
            self.highest[name] = row.view.stamp

    @invariant()
    def nobody_lends_himself_authority(self) -> None:
        """No Region that a chain does not list is listed, primary, or has planted anything; nobody is stale at a peer's word."""
        for name, row in self.rows().items():
            region = self.network.regions[name]
            assert not row.stale or self.restored_once, "a Region is stale at a peer's word"
            assert region.identity.incarnation <= int(self.restored_once)
            if row.view is not None:
                assert row.view.primary in self.names
                assert {m.region for m in row.view.members} <= set(self.names)
                assert EVIL not in row.view.material_ids
            assert len(row.refused_serials) <= 25, "a row grows"

    def apart(self, rows: dict[str, SetRow]) -> set[str]:
        named = {name for row in rows.values() for name in row.lost}
        named |= {name for name, row in rows.items() if row.stale or row.rejoin or row.told_lost}
        for row in rows.values():
            for member in row.view.members if row.view is not None else ():
                if member.status in (MemberStatus.OFF, MemberStatus.BACK):
                    named.add(member.region)
        return named

    @invariant()
    def no_two_act_as_primary(self) -> None:
        rows = self.rows()
        acting = [row for name, row in rows.items() if row.acts_as_primary(name)]
        for one, other in itertools.combinations(acting, 2):
            assert one.view is not None
            assert other.view is not None
            assert one.view.term.reign != other.view.term.reign, "two primaries of one generation"
            assert {one.view.primary, other.view.primary} & self.apart(rows), "two primaries"

    @invariant()
    def what_one_encrypted_under_every_other_opens(self) -> None:
        rows = self.rows()
        live = {name for name, row in rows.items() if row.status is RowStatus.LIVE}
        keys = {name: self.run(self.network.regions[name].key()) for name in live}
        stored = {name: {m.material_id for m in key.materials if m.is_present} for name, key in keys.items()}
        for name, key in keys.items():
            assert key.current_material_id in stored[name], "the current material is not in the store"
            self.used[name].add(key.current_material_id)
        together = live - self.apart(rows)
        for one, other in itertools.permutations(together, 2):
            assert self.used[one] <= stored[other], f"{other} cannot open what {one} made"

    # ---- in the end

    def teardown(self) -> None:
        try:
            self.network.cut.clear()
            self.finish_rounds(2)
            for _ in range(ROUNDS_TO_SETTLE):
                if self.is_one_set():
                    break
                self.operators_finish()
                self.finish_rounds(3)
            self.require_one_set()
        finally:
            for region in self.network.regions.values():
                self.loop.run_until_complete(region.store.close())
            self.loop.close()

    def operators_finish(self) -> None:
        """Every operator says what the others wait for, and takes back what is over."""
        network = self.network.regions
        lost = {name for row in self.rows().values() for name in row.lost}
        for name in lost:
            for other in set(self.names) - {name}:
                self.run(network[other].say(words.declaring_lost(self.successor), name))
            self.finish_rounds(3)
            for other in set(self.names) - {name}:
                self.run(network[other].say(words.withdraw_lost, name))
        self.finish_rounds(3)
        rows = self.rows()
        views = [row.view for name, row in rows.items() if row.acts_as_primary(name) and row.view is not None]
        if not views:
            return
        primary = max(views, key=lambda view: view.stamp).primary
        for name in set(self.names) - {primary}:
            self.run(network[name].say(words.rejoin, primary))
            self.run(network[primary].say(words.asking(OperatorWord.TAKE_BACK), name))
        self.delete_what_the_lost_region_made(primary)
        self.name_the_successor_to_places_of_ended_members()

    def name_the_successor_to_places_of_ended_members(self) -> None:
        """What a membership knew that ended before the takeover still counts: the operator there says whom the set follows."""
        for name, row in self.rows().items():
            if row.status is RowStatus.RESERVED and row.view is not None and self.lost_once:
                self.run(self.network.regions[name].say(words.declaring_lost(self.successor), self.given_up))
                self.finish_rounds(3)
                self.run(self.network.regions[name].say(words.withdraw_lost, self.given_up))

    def delete_what_the_lost_region_made(self, primary: str) -> None:
        """A Region whose operator did not declare the other one lost could be given a replica by it. The set that goes on does not list
        that place, nobody can take it back, and its owner deletes it: docs/operate.md."""
        self.finish_rounds(3)
        rows = self.rows()
        view = rows[primary].view
        for name, row in rows.items():
            if self.lost_once and row.status is RowStatus.LIVE and view is not None and view.find_member(name) is None:
                self.run(self.network.regions[name].delete())
                self.ended.add(name)
                self.used[name] = set()

    def is_one_set(self) -> bool:
        try:
            self.require_one_set()
        except AssertionError:
            return False
        return True

    def require_one_set(self) -> None:
        rows = self.rows()
        live = {name: row for name, row in rows.items() if row.status is RowStatus.LIVE}
        if not live:
            assert self.ended >= set(rows), "a set is gone that nobody asked to delete"
            return
        views = {row.view for row in live.values()}
        assert len(views) == 1, f"{len(views)} views of one set: {views}"
        (view,) = views
        assert view is not None
        assert {m.region: m.status for m in view.members} == dict.fromkeys(live, MemberStatus.ON), view.members
        assert not view.pending
        assert rows[view.primary].acts_as_primary(view.primary)
        assert all(row.status is not RowStatus.RESERVED for row in rows.values())
        used = set().union(*(self.used[name] for name in live))
        for name in live:
            key = self.run(self.network.regions[name].key())
            assert used <= {m.material_id for m in key.materials if m.is_present}, f"{name} cannot open everything"


class Pairs(Sets):
    """Two Regions."""

    names = NAMES[:2]


pytestmark = [pytest.mark.deep, pytest.mark.timeout(900)]
limited = settings(
    max_examples=int(os.environ.get("MERIDIAN_HISTORIES", "10")),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a history of real stores is too slow to shrink
)
TestThreeRegions = Sets.TestCase
TestThreeRegions.settings = limited
TestTwoRegions = Pairs.TestCase
TestTwoRegions.settings = limited


def test_a_place_that_the_lost_region_made_after_the_takeover_is_deleted_and_made_anew() -> None:
    """The third Region was not told that the first is lost, and is given a replica by it."""
    sets = Sets()
    first, second, third = map(sets.region, range(3))
    try:
        sets.give_the_primary_up(1)
        sets.finish_rounds(3)
        sets.run(first.replicate(third))
        sets.finish_rounds(3)
        sets.operators_finish()
        sets.finish_rounds(3)
        sets.require_one_set()
        assert set(sets.rows()) == {first.name, second.name, third.name}
        assert sets.rows()[third.name].status is RowStatus.GONE
        sets.run(second.replicate(third))
        sets.finish_rounds(3)
        assert sets.rows()[third.name].status is RowStatus.RESERVED, "no operator there has said whom the set follows"
        sets.operators_finish()
        sets.finish_rounds(3)
        sets.require_one_set()
        assert sets.rows()[third.name].status is RowStatus.LIVE
    finally:
        for region in sets.network.regions.values():
            sets.run(region.store.close())
        sets.loop.close()
