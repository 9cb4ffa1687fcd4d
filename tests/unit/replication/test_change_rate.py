"""A member of a set that writes without end fills neither inbox nor audit log; who rotates or has many keys is not held up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.databases import migrated_sqlite
from tests.region_in_process import ACCOUNT, KEY_ID, InProcessRegion, regions
from tests.reported_events import ReportedEvents
from tests.stepped_clock import SteppedClock

from meridian.domain.multi_region import SetState
from meridian.domain.peer_message import DeliverSetState, SignedSetState
from meridian.domain.token_bucket import Rate
from meridian.errors import ThrottlingException
from meridian.ports.security_events import SecurityEvent
from meridian.replication import change_rate
from meridian.replication.change_rate import OF_A_REGION, OF_A_SET, TOLD_SECONDS, ChangeRate
from meridian.replication.refusals import Refusals
from meridian.replication.wire.set_state import encode_set_state

REGION, OTHER = "eu-west-1", "ap-south-1"


class Sender:
    def __init__(self) -> None:
        self.clock, self.events = SteppedClock(1_000.0), ReportedEvents()
        self.rate = ChangeRate(self.clock, Refusals(self.events))

    def changes(self, count: int, key_id: str = "key", region: str = REGION) -> int:
        """How many of so many changes are taken."""
        taken = 0
        for _ in range(count):
            try:
                self.rate.draw(region, ACCOUNT, key_id)
                taken += 1
            except ThrottlingException:
                continue
        return taken


def test_a_set_is_changed_in_a_burst_and_then_slowly() -> None:
    sender = Sender()
    assert sender.changes(500) == OF_A_SET.burst
    assert sender.changes(4, "another") == 4
    assert sender.changes(4, region=OTHER) == 4
    sender.clock.seconds += 3_600
    assert sender.changes(5_000) == OF_A_SET.burst
    sender.clock.seconds += 60
    assert sender.changes(5_000) == 60 * OF_A_SET.per_second


def test_a_hundred_keys_that_rotate_at_once_pass_untouched() -> None:
    sender = Sender()
    assert sum(sender.changes(4, f"key-{number}") for number in range(100)) == 400
    assert sender.events.reported == []


def test_a_region_with_many_sets_has_one_rate_for_all() -> None:
    sender = Sender()
    assert sum(sender.changes(1, f"key-{number}") for number in range(5_000)) == OF_A_REGION.burst
    sender.clock.seconds += 1
    assert sum(sender.changes(1, f"key-{number}") for number in range(5_000, 9_000)) == OF_A_REGION.per_second


def test_refusals_are_told_once_a_minute_with_their_number() -> None:
    sender = Sender()
    sender.changes(int(OF_A_SET.burst) + 50)
    told = {"account": ACCOUNT, "keyId": "key"}
    assert sender.events.reported == [(SecurityEvent.PEER_CHANGES_REFUSED, REGION, {**told, "refused": "1"})]
    sender.clock.seconds += TOLD_SECONDS
    taken = sender.changes(100)
    assert sender.events.reported[1:] == [(SecurityEvent.PEER_CHANGES_REFUSED, REGION, {**told, "refused": "50"})]
    assert taken < 100


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_rate, "BUCKETS_MAX", 10)
    sender = Sender()
    for number in range(100):
        sender.changes(1, f"key-{number}")
        assert len(sender.rate._buckets) <= 10
    assert sender.changes(3_000, "last") == OF_A_SET.burst


@pytest.fixture(scope="module")
def empty() -> Path:
    return migrated_sqlite()


class Writer:
    """A primary that signs a version after another, each of which says nothing new."""

    def __init__(self, home: InProcessRegion, away: InProcessRegion) -> None:
        self.home, self.away, self.sent = home, away, 0

    async def begin(self) -> None:
        await self.home.create()
        await self.home.replicate(self.away)
        for _ in range(3):
            for region in (self.home, self.away):
                await region.work()

    async def view(self) -> SetState:
        row = await self.away.row()
        assert row is not None
        assert row.view is not None
        return row.view

    async def delivers(self, version: int) -> bool:
        """Whether this version was taken; a refusal says when to try again."""
        self.sent += 1
        row, own, public = await self.away.row(), self.home.identity, self.home.engine.envelopes.transport_public_key()
        assert row is not None
        state = replace(await self.view(), version=version)
        body = SignedSetState(own.deployment, own.partition, ACCOUNT, KEY_ID, own.region, own.incarnation, state)
        signed = self.home.engine.envelopes.sign_set_state(encode_set_state(body))
        message = DeliverSetState(signed, row.serial, (), 900_000 + self.sent, own.incarnation, "request", public, (), public)
        try:
            return await self.away.messages.set_state(self.away.peers[own.region], message)
        except ThrottlingException:
            return False


def test_a_primary_that_signs_without_end_changes_nothing_more_until_it_waits(
    tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_rate, "OF_A_SET", Rate(per_second=0.2, burst=12.0))

    async def story() -> None:
        network = await regions(tmp_path, ["us-east-1", REGION], empty)
        home, away = network.regions.values()
        writer, hand = Writer(home, away), SteppedClock(1_000.0)
        await writer.begin()
        hand.seconds = away.clock.monotonic() + 3_600
        monkeypatch.setattr(away.clock, "monotonic", lambda: hand.seconds)
        first = (await writer.view()).version
        assert sum([await writer.delivers(first + 1 + number) for number in range(20)]) == 12
        assert (await writer.view()).version == first + 12
        told = [event for event, subject, _ in away.events.reported if event is SecurityEvent.PEER_CHANGES_REFUSED]
        assert len(told) == 1
        hand.seconds += 5
        assert await writer.delivers(first + 10_000), "what is newest still comes"
        await asyncio.gather(home.store.close(), away.store.close())

    asyncio.run(asyncio.wait_for(story(), 60))
