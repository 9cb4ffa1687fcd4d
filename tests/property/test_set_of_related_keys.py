"""A set of related keys under loss, delay, duplication and reordering of every message, and under abandoned prepares.

The rows move by the product's own guards; what Regions tell each other is kept in a bag from which anything may be delivered, at any
time, again and again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.examples import examples

from meridian.domain.multi_region import MemberStatus, RowStatus, SetMaterial, SetRow, SetState, Stamp, Term
from meridian.replication.sets.state import SetRefusal, Told, acknowledge, add_member, adopt, found_set, release, reserve, resolve

HOME, OTHERS = "A", ("B", "C")
ACCOUNT, KEY_ID, MATERIAL = "111122223333", "mrk-" + "0" * 32, "m" * 64
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class RelatedKeys(RuleBasedStateMachine):
    """Three Regions; A is primary."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, SetRow] = {HOME: found_set(ACCOUNT, KEY_ID, HOME, "s0", (SetMaterial(MATERIAL, 0),))}
        self.stored: dict[str, set[str]] = {HOME: {MATERIAL}, "B": set(), "C": set()}
        self.bag: list[tuple[str, str, Any]] = []
        self.acknowledged: dict[str, str] = {}
        self.stamps: dict[str, Stamp] = {}
        self.contents: dict[Stamp, SetState] = {}
        self.serials = 0
        self.prepared: list[tuple[str, str]] = []

    # ---- what callers begin

    @rule(region=st.sampled_from(OTHERS))
    def prepare(self, region: str) -> None:
        """The destination reserves a place; the caller's Region may commit it, soon, late or never."""
        serial = f"s{self.serials + 1}"
        try:
            self.rows[region] = reserve(self.rows.get(region), ACCOUNT, KEY_ID, serial, HOME, "r", NOW)
        except SetRefusal:
            return
        self.serials += 1
        self.prepared.append((region, serial))

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        """Commit a place that was prepared, however long ago."""
        if not self.prepared:
            return
        region, serial = data.draw(st.sampled_from(self.prepared))
        self.prepared.remove((region, serial))
        try:
            self.publish(add_member(self.rows[HOME], HOME, region, serial))
        except SetRefusal:
            return
        self.acknowledged[region] = serial

    def publish(self, row: SetRow) -> None:
        self.rows[HOME] = row
        assert row.view is not None
        for member in row.view.members:
            if member.region != HOME:
                self.bag.append(("set", member.region, (row.view, member.serial)))

    # ---- what the network does

    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """Any message, however old, as often as the network likes."""
        if self.bag:
            self.take(*data.draw(st.sampled_from(self.bag)))

    def take(self, kind: str, target: str, body: Any) -> None:
        if kind == "held":
            sender, serial, term, materials = body
            noted = acknowledge(self.rows[HOME], HOME, sender, serial, term, materials)
            if noted is None:
                return
            changed = noted.view is not self.rows[HOME].view
            self.rows[HOME] = noted
            if changed:
                self.publish(noted)
            return
        state, serial = body
        row = self.rows.get(target)
        if row is None:
            return
        stored = self.stored[target] | state.material_ids  # the envelopes come along
        try:
            adopted = adopt(row, target, Told(state, state.primary, b"", b"", 0), [], serial, stored)
        except SetRefusal:
            return
        if adopted is None:
            return
        self.rows[target], self.stored[target] = adopted, stored
        self.bag.append(("held", HOME, (target, serial, state.term, tuple(stored))))

    @rule(region=st.sampled_from(OTHERS))
    def ask_what_became_of_it(self, region: str) -> None:
        """A reserved place without news asks the Region that prepared it."""
        row = self.rows.get(region)
        if row is None or row.status is not RowStatus.RESERVED:
            return
        self.rows[HOME], committed = resolve(self.rows[HOME], region, row.serial)
        if not committed:
            self.rows[region] = release(row)

    # ---- what always holds

    @invariant()
    def one_primary(self) -> None:
        assert [region for region, row in self.rows.items() if row.acts_as_primary(region)] == [HOME]

    @invariant()
    def a_live_member_has_its_material(self) -> None:
        for region, row in self.rows.items():
            if row.status is RowStatus.LIVE and row.view is not None:
                assert row.view.material_ids <= self.stored[region]

    @invariant()
    def stamps_never_fall_and_have_one_content(self) -> None:
        for region, row in self.rows.items():
            if row.view is None:
                continue
            assert self.stamps.get(region, Stamp(Term(-1, "", -1), -1)) <= row.view.stamp
            self.stamps[region] = row.view.stamp
            assert self.contents.setdefault(row.view.stamp, row.view) == row.view

    @invariant()
    def an_acknowledged_replica_does_not_vanish(self) -> None:
        view = self.rows[HOME].view
        assert view is not None
        for region, serial in self.acknowledged.items():
            member = view.find_member(region)
            assert member is not None
            assert member.serial == serial
            assert self.rows[region].status in (RowStatus.RESERVED, RowStatus.LIVE)
            assert self.rows[region].serial == serial

    def teardown(self) -> None:
        """With every message delivered and every place asked about, all members agree and nobody is left behind."""
        for _ in range(8):
            for message in list(self.bag):
                self.take(*message)
            for region in OTHERS:
                self.ask_what_became_of_it(region)
        view = self.rows[HOME].view
        assert view is not None
        for member in view.members:
            assert member.status is MemberStatus.ON
            assert self.rows[member.region].view == view
        for region in set(self.rows) - {m.region for m in view.members}:
            assert self.rows[region].status is RowStatus.NONE


RelatedKeys.TestCase.settings = examples(50, 300, stateful_step_count=30)
TestRelatedKeys = pytest.mark.searched(RelatedKeys.TestCase)
