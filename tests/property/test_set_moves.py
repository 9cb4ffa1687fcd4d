"""A set of related keys whose primary moves, whose material rotates and whose members leave, under loss, delay, duplication and
reordering of every message.

Each Region's row moves by the product's own guards. What a Region has to tell is kept until it was taken, and read when it is sent,
as the outbox does; copies of everything ever sent stay in a bag and may arrive again at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.examples import examples

from meridian.domain.multi_region import Member, MemberStatus, RowStatus, SetMaterial, SetRow, SetState, Stamp, Term
from meridian.replication.sets.state import (
    SetRefusal,
    Told,
    acknowledge,
    adopt,
    farewell,
    hand_over,
    is_held_by_all,
    part,
    take_role,
    takes_role,
)

REGIONS = ("A", "B", "C")
ACCOUNT, KEY_ID = "111122223333", "mrk-" + "0" * 32
ANY = st.sampled_from(REGIONS)


@dataclass(frozen=True)
class Message:
    """Something on its way; `told` for a state or a farewell, `term` and `ids` for what a member holds or the end of a membership."""

    kind: str
    sender: str
    target: str
    serial: str
    told: Told | None = None
    earlier: tuple[Told, ...] = ()
    term: Term | None = None
    ids: frozenset[str] = frozenset()


class MovingSet(RuleBasedStateMachine):
    """Three full members; A is primary."""

    def __init__(self) -> None:
        super().__init__()
        members = tuple(Member(region, f"s{region}", MemberStatus.ON) for region in REGIONS)
        first = SetState(Term(0, "A", 0), 0, "A", "A", members, (SetMaterial("m0", 0),), "m0")
        self.tokens: dict[bytes, Told] = {}
        told = self.sign(first, "A")
        self.rows = {region: SetRow(ACCOUNT, KEY_ID, RowStatus.LIVE, f"s{region}", first, told.signed) for region in REGIONS}
        self.stored = {region: {"m0"} for region in REGIONS}
        self.used = {region: {"m0"} for region in REGIONS}
        self.outbox: dict[tuple[str, str, str], None] = {}
        self.bag: list[Message] = []
        self.stamps: dict[str, Stamp] = {}
        self.contents: dict[Stamp, SetState] = {}
        self.rotations = 0

    def sign(self, state: SetState, region: str) -> Told:
        told = Told(state, region, str(len(self.tokens)).encode(), region.encode(), 0)
        self.tokens[told.signed] = told
        return told

    def publish(self, region: str, row: SetRow) -> None:
        assert row.view is not None
        told = self.sign(row.view, region)
        links = (*row.links, told.link) if row.view.version == 0 else row.links
        self.keep(region, replace(row, signed_view=told.signed, links=links))
        for member in row.view.members:
            if member.region != region:
                self.outbox["set", region, member.region] = None

    def keep(self, region: str, row: SetRow) -> None:
        self.rows[region] = row
        if row.view is not None:
            self.used[region].add(row.view.current)

    def acting(self) -> list[str]:
        return [region for region, row in self.rows.items() if row.acts_as_primary(region)]

    # ---- what callers begin

    @rule(region=ANY)
    def begin_rotation(self, region: str) -> None:
        row = self.rows[region]
        if region in self.acting() and row.view is not None and not row.view.pending and self.rotations < 3:
            self.rotations += 1
            material = SetMaterial(f"m{self.rotations}", self.rotations)
            self.stored[region].add(material.material_id)
            grown = replace(row.view, version=row.view.version + 1, materials=(*row.view.materials, material), pending=material.material_id)
            self.publish(region, replace(row, view=grown))
            self.switch(region)

    def switch(self, region: str) -> None:
        row = self.rows[region]
        if row.view is not None and row.view.pending and row.view.pending in self.stored[region] and is_held_by_all(row, row.view.pending):
            self.publish(region, replace(row, view=replace(row.view, version=row.view.version + 1, current=row.view.pending, pending="")))

    @rule(region=ANY, successor=ANY)
    def move(self, region: str, successor: str) -> None:
        if region == successor or self.rows[successor].status is not RowStatus.LIVE:
            return  # the successor was asked first, and refuses
        try:
            self.publish(region, hand_over(self.rows[region], region, successor))
        except SetRefusal:
            return

    @rule(region=ANY)
    def end(self, region: str) -> None:
        """The waiting period of a replica is over."""
        row = self.rows[region]
        view = row.view
        if row.status is not RowStatus.LIVE or view is None or view.primary == region:
            return
        if (view.issuer == region and view.version == 0) or any(sender == region for _, sender, _ in self.outbox):
            return
        self.rows[region] = replace(row, status=RowStatus.GONE, held=frozenset())
        for member in view.members:
            if member.region != region:
                self.outbox["gone", region, member.region] = None

    # ---- what the network does

    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        """Send what waits; it may arrive now or be lost."""
        if self.outbox:
            name = data.draw(st.sampled_from(sorted(self.outbox)))
            self.attempt(name, arrives=data.draw(st.booleans()))

    def attempt(self, name: tuple[str, str, str], *, arrives: bool) -> None:
        message = self.composed(*name)
        if message is None:
            del self.outbox[name]
            return
        self.bag.append(message)
        if arrives and self.take(message):
            self.outbox.pop(name, None)

    def composed(self, kind: str, sender: str, target: str) -> Message | None:
        row = self.rows[sender]
        assert row.view is not None
        member = row.view.find_member(target)
        if kind == "gone":
            word = farewell(row, sender)
            return Message(kind, sender, target, row.serial, self.sign(word, sender) if word is not None else None, term=row.view.term)
        if kind == "held":
            if row.status is not RowStatus.LIVE or row.view.primary != target:
                return None
            return Message(kind, sender, target, row.serial, term=row.view.term, ids=frozenset(self.stored[sender]))
        hands_over = row.view.version == 0 and row.view.issuer == sender
        if member is None or not (hands_over or row.acts_as_primary(sender)):
            return None
        earlier = tuple(self.tokens[link.signed] for link in row.links)
        return Message(kind, sender, target, member.serial, self.tokens[row.signed_view], earlier)

    @rule(data=st.data())
    def arrive_again(self, data: st.DataObject) -> None:
        if self.bag:
            self.take(data.draw(st.sampled_from(self.bag)))

    def take(self, message: Message) -> bool:
        """Whether the receiver has taken it."""
        row = self.rows[message.target]
        if message.kind == "set":
            return self.take_state(message, row)
        assert message.term is not None
        if message.kind == "held":
            noted = acknowledge(row, message.target, message.sender, message.serial, message.term, message.ids)
            if noted is not None:
                self.moved(message.target, row, noted)
            return True
        left = part(row, message.target, message.sender, message.serial, message.told)
        if left is not None:
            self.moved(message.target, row, left)
        return True

    def moved(self, region: str, before: SetRow, row: SetRow) -> None:
        if row.view is not before.view:
            self.publish(region, row)
        else:
            self.keep(region, row)
        self.switch(region)

    def take_state(self, message: Message, row: SetRow) -> bool:
        assert message.told is not None
        region, state = message.target, message.told.state
        if row.status is RowStatus.GONE:
            self.outbox["gone", region, message.sender] = None
            return True
        stored = self.stored[region] | set(state.material_ids)
        try:
            adopted = adopt(row, region, message.told, message.earlier, message.serial, stored)
        except SetRefusal:
            return False
        if adopted is None:
            return True
        self.stored[region] = stored
        if takes_role(adopted, region):
            self.publish(region, take_role(adopted))
            self.switch(region)
        else:
            self.keep(region, adopted)
            self.outbox["held", region, state.primary] = None
        return True

    # ---- what always holds

    @invariant()
    def never_two_primaries(self) -> None:
        assert len(self.acting()) <= 1

    @invariant()
    def stamps_never_fall_and_have_one_content(self) -> None:
        for region, row in self.rows.items():
            assert row.view is not None
            assert self.stamps.get(region, Stamp(Term(-1, "", -1), -1)) <= row.view.stamp
            self.stamps[region] = row.view.stamp
            assert self.contents.setdefault(row.view.stamp, row.view) == row.view

    @invariant()
    def what_one_encrypted_every_other_opens(self) -> None:
        live = [region for region, row in self.rows.items() if row.status is RowStatus.LIVE]
        for one in live:
            for other in live:
                assert self.used[one] <= self.stored[other], f"{other} cannot open what {one} made"

    def teardown(self) -> None:
        """With everything that waits sent until it is taken, all members agree, one of them is primary, nothing is pending."""
        for _ in range(60):
            for name in list(self.outbox):
                if name in self.outbox:
                    self.attempt(name, arrives=True)
        assert not self.outbox
        live = {region: row for region, row in self.rows.items() if row.status is RowStatus.LIVE}
        views = [row.view for row in live.values()]
        assert all(view == views[0] for view in views)
        assert views[0] is not None
        assert views[0].primary in live
        assert not views[0].pending
        assert {m.region for m in views[0].members} == set(live)


MovingSet.TestCase.settings = examples(40, 600, stateful_step_count=40)
TestMovingSet = pytest.mark.searched(MovingSet.TestCase)
