"""A reserved place that is given up takes its key along, whatever a caller did to it meanwhile, and each end has its record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.databases import migrated_sqlite
from tests.network_in_process import Network
from tests.region_in_process import ACCOUNT, InProcessRegion, regions

from meridian.administration import other_regions as words
from meridian.domain.deletion import with_deletion_cancelled, with_deletion_scheduled
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.domain.multi_region import RowStatus
from meridian.ports.store.audit_events import NOBODY
from meridian.replication.sets.state import reserve

A, B, LOST = "us-east-1", "eu-west-1", "ca-central-1"
STATES = [KeyState.CREATING, KeyState.PENDING_DELETION, KeyState.DISABLED]


@pytest.fixture(scope="module")
def empty() -> Path:
    return migrated_sqlite()


async def three(folder: Path, empty: Path) -> tuple[Network, InProcessRegion]:
    network = await regions(folder, [A, B, LOST], empty)
    return network, network.regions[A]


def run(steps: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(steps, 60))


def awaited(region: InProcessRegion, number: int, state: KeyState) -> Key:
    return Key(
        "aws", region.name, ACCOUNT, f"mrk-{number:032x}", KeySpec.SYMMETRIC_DEFAULT, KeyUsage.ENCRYPT_DECRYPT, Origin.AWS_KMS, state,
        region.clock.now(), multi_region=MultiRegionRole(LOST, (region.name,)),
    )  # fmt: skip


async def reserve_each(region: InProcessRegion) -> list[str]:
    """A place prepared by the Region that gets lost, for a key in each state; the answer names the keys' ARNs."""
    keys = [awaited(region, number, state) for number, state in enumerate(STATES)]
    async with region.store.transaction() as uow:
        for key in keys:
            await uow.keys.insert(key)
            await uow.key_sets.insert(reserve(None, ACCOUNT, key.key_id, "b" * 64, LOST, f"request {key.key_id}", region.clock.now()))
    return [key.arn for key in keys]


async def events_of(region: InProcessRegion) -> list[dict[str, Any]]:
    async with region.store.reading() as uow:
        held = await uow.audit_events.held(NOBODY, are_steady=False)
        return [json.loads(event.body) for event in await uow.audit_events.read(held)]


def test_the_keys_of_a_lost_region_s_places_go_with_a_record_each(tmp_path: Path, empty: Path) -> None:
    async def steps() -> None:
        _, a = await three(tmp_path, empty)
        arns = await reserve_each(a)
        await a.say(words.declaring_lost(A), LOST)
        async with a.store.reading() as uow:
            assert await uow.keys.count(ACCOUNT) == 0, "they take no room of the account's"
            rows = [await uow.key_sets.find(ACCOUNT, f"mrk-{number:032x}") for number in range(len(STATES))]
        assert {row.status for row in rows if row is not None} == {RowStatus.NONE}
        told = [event for event in await events_of(a) if event["eventName"] == "DeleteKey"]
        assert sorted(event["resources"][0]["ARN"] for event in told) == sorted(arns)
        assert all(event["requestID"].startswith("request mrk-") and event["recipientAccountId"] == ACCOUNT for event in told)

    run(steps())


def test_the_key_of_a_place_that_was_refused_goes_whatever_its_state(tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps() -> None:
        _, a = await three(tmp_path, empty)
        arns, told = await reserve_each(a), []

        async def refuse(region: str, account: str, key_id: str, serial: str) -> bool:
            return False

        async def record(uow: Any, event_name: str, key: Key, *, request_id: str, details: Any) -> None:
            told.append((event_name, key.arn))

        monkeypatch.setattr(a.line, "resolve", refuse)
        monkeypatch.setattr(a.trail, "record_service_event", record)
        await a.resolve_places()
        async with a.store.reading() as uow:
            assert await uow.keys.count(ACCOUNT) == 0
        assert sorted(told) == [("DeleteKey", arn) for arn in sorted(arns)]

    run(steps())


def test_a_key_without_its_material_waits_for_it_again_when_its_deletion_is_cancelled(tmp_path: Path, empty: Path) -> None:
    async def steps() -> None:
        _, a = await three(tmp_path, empty)
        scheduled = with_deletion_scheduled(awaited(a, 1, KeyState.CREATING), 7, a.clock.now(), 86400)
        assert scheduled.state is KeyState.PENDING_DELETION
        assert with_deletion_cancelled(scheduled).state is KeyState.CREATING
        external = replace(scheduled, origin=Origin.EXTERNAL)
        assert with_deletion_cancelled(external).state is KeyState.CREATING
        await a.create()
        there = await a.key()
        assert there is not None
        replica = replace(there, region=B, multi_region=MultiRegionRole(A, (B,)))
        for key in (there, replica):
            assert with_deletion_cancelled(with_deletion_scheduled(key, 7, a.clock.now(), 86400)).state is KeyState.DISABLED

    run(steps())
