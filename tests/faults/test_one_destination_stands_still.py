"""Three Regions, one of which stands still while much waits for it: what is for another Region, or about another key, does not wait.

The kernel goes on taking connections for a process that is stopped, so each delivery to it hangs until its time is over.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from tests.databases import migrated_sqlite
from tests.deployment import AWAY, HOME, Deployment
from tests.region_in_process import ACCOUNT, InProcessRegion, regions

from meridian.kms.v1 import types_pb2 as t
from meridian.replication.publish import SET_STATE
from meridian.workers.outbox import CLAIMED_MAX

STILL = "ap-south-1"
WAITING = 250
DAYS = 99
IN_A_ROW = 4
SECONDS = 2.0
"""0.2 is what a replica needs, 0.7 where the machine has four times the work that it can do; whoever waits for a claim of deliveries to the
Region that stands still waits 4."""


@pytest.fixture
def three_regions(tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path, [HOME, AWAY, STILL]).prepare()
    try:
        deployment.start()
        yield deployment
    finally:
        if STILL in deployment.processes:
            deployment.processes[STILL].send_signal(signal.SIGCONT)
        deployment.stop_all()


def waiting(deployment: Deployment) -> float:
    return deployment.metrics(HOME)[f'meridian_outbox_entries{{target="{STILL}"}}']


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_two_hundred_and_fifty_entries_for_it_delay_no_replica_elsewhere(three_regions: Deployment) -> None:
    with three_regions.client() as alice:
        keys = [alice.create_key(multi_region=True).key_metadata.key_id for _ in range(WAITING)]
        with ThreadPoolExecutor(4) as callers:
            list(callers.map(lambda key_id: alice.replicate_key(key_id=key_id, replica_region=STILL), keys))
        for key_id in keys:
            three_regions.wait_for_state(STILL, key_id, t.KEY_STATE_ENABLED)
        three_regions.processes[STILL].send_signal(signal.SIGSTOP)
        for key_id in keys:
            alice.enable_key_rotation(key_id=key_id, rotation_period_in_days=DAYS)
        three_regions.wait_until(lambda: waiting(three_regions) == WAITING)
        began = time.monotonic()
        for _ in range(IN_A_ROW):
            fresh = alice.create_key(multi_region=True).key_metadata.key_id
            alice.replicate_key(key_id=fresh, replica_region=AWAY)
            three_regions.wait_for_state(AWAY, fresh, t.KEY_STATE_ENABLED, seconds=60)
        taken = time.monotonic() - began
    assert taken < IN_A_ROW * SECONDS
    assert waiting(three_regions) == WAITING, "all of it waits still"
    three_regions.processes[STILL].send_signal(signal.SIGCONT)
    three_regions.wait_until(lambda: waiting(three_regions) == 0, seconds=60)
    with three_regions.client(STILL) as there:
        assert {there.get_key_rotation_status(key_id=key_id).rotation_period_in_days for key_id in keys} == {DAYS}


# ---- one key and the others, of one destination


@pytest.fixture(scope="module")
def empty() -> Path:
    return migrated_sqlite()


async def two(folder: Path, empty: Path) -> tuple[InProcessRegion, InProcessRegion]:
    network = await regions(folder, [HOME, AWAY], empty)
    return network.regions[HOME], network.regions[AWAY]


async def put_one_that_is_refused(region: InProcessRegion, key_id: str) -> None:
    """A set whose state nobody signed, and the intention to tell of it."""
    row, key = await region.row(), await region.key()
    assert row is not None
    assert key is not None
    async with region.store.transaction() as uow:
        await uow.keys.insert(replace(key, key_id=key_id, version=1, materials=(), current_material_id=""))
        await uow.key_sets.insert(replace(row, key_id=key_id, version=1, signed_view=row.signed_view[::-1]))
        await uow.outbox.put(SET_STATE, AWAY, ACCOUNT, key_id, request_id="r", now=await uow.region.now())


def test_keys_that_a_region_refuses_delay_no_other_key(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps() -> None:
        home, away = await two(tmp_path, empty)
        await home.create()
        await home.replicate(away)
        await home.send()
        for n in range(2 * CLAIMED_MAX):
            await put_one_that_is_refused(home, f"mrk-{n + 100:032x}")
        await home.rotate()
        asked, before = home.outbox.failures, await away.row()
        moment = home.clock.now()
        monkeypatch.setattr(home.clock, "now", lambda: moment)  # no second try is due
        for _ in range(3):
            await home.outbox.send_due(AWAY)
        assert home.outbox.failures == asked + 2 * CLAIMED_MAX, "each of them once"
        after = await away.row()
        assert before is not None
        assert after is not None
        assert after.view != before.view, "the last in the queue has arrived"

    asyncio.run(steps())


def test_a_state_that_arrives_after_its_successor_changes_nothing(tmp_path: Path, empty: Path) -> None:
    async def steps() -> None:
        home, away = await two(tmp_path, empty)
        await home.create()
        await home.replicate(away)
        await home.send()
        late = len(home.network.deliveries)
        await home.rotate()
        await home.send()
        await away.send()
        await home.send()
        newest = await away.row()
        assert len(home.network.deliveries) > late + 1
        for number in range(len(home.network.deliveries)):
            await home.network.again(number)
        assert await away.row() == newest

    asyncio.run(steps())
