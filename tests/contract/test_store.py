"""What every store promises, on every database it runs on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import SQLAlchemyError
from tests.contract.conftest import KEK

from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.store_sql.migrate import upgrade
from meridian.adapters.store_sql.store import SqlStore
from meridian.administration.other_regions import withdraw_lost
from meridian.domain.key import (
    Key,
    KeyMaterial,
    KeySpec,
    KeyState,
    KeyUsage,
    MultiRegionRole,
    Origin,
    RotationSchedule,
    RotationType,
)
from meridian.domain.multi_region import Held, RowStatus, SetMaterial, SetRow
from meridian.errors import KMSInternalException
from meridian.ports.store.answers import AnswerRow
from meridian.ports.store.audit_events import NOBODY
from meridian.ports.store.audit_streams import Verification
from meridian.ports.store.faults import FeedPruned, VersionConflict
from meridian.ports.store.import_keys import ImportKeyRow
from meridian.ports.store.key_sets import RelatedKeys
from meridian.ports.store.keyring import FIRST_WRAPPED, KekRow, SecretRow
from meridian.ports.store.outbox import Backlog
from meridian.ports.store.region import RegionIdentity
from meridian.replication.sets.state import add_member, found_set

ACCOUNT, OTHER = "111122223333", "444455556666"
NOW = datetime(2026, 3, 4, 5, 6, 7, 123456, tzinfo=UTC)
KEY_ID, MULTI = "1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890ab"


def sealed(text: str) -> bytes:
    """Something that names a key-encryption key as a wrapped row does."""
    return b"MW\x01\x01" + KEK.to_bytes(4, "big") + text.encode()


def key(key_id: str = KEY_ID, account: str = ACCOUNT, **changes: Any) -> Key:
    made = Key(
        partition="aws",
        region="us-east-1",
        account=account,
        key_id=key_id,
        key_spec=KeySpec.SYMMETRIC_DEFAULT,
        key_usage=KeyUsage.ENCRYPT_DECRYPT,
        origin=Origin.AWS_KMS,
        state=KeyState.ENABLED,
        created_at=NOW,
        description="näme",
        multi_region=MultiRegionRole("us-east-1", ("eu-west-1",)) if key_id.startswith("mrk-") else None,
        current_material_id="a" * 64,
        materials=(KeyMaterial("a" * 64, 0, 1, sealed("\x00sealed")),),
        policy="permit(principal,action,resource);",
        tags=(("A", "2"), ("a", "1")),
    )
    return replace(made, **changes)


async def insert(store: SqlStore, *keys: Key) -> None:
    async with store.transaction() as uow:
        for each in keys:
            await uow.keys.insert(each)


async def find(store: SqlStore, key_id: str = KEY_ID, account: str = ACCOUNT) -> Key | None:
    async with store.reading() as uow:
        return await uow.keys.find(account, key_id)


@pytest.mark.asyncio
async def test_a_key_comes_back_as_it_was_stored(store: SqlStore) -> None:
    await insert(store, key(), key(MULTI, OTHER))
    assert await find(store) == key()
    assert await find(store, MULTI, OTHER) == key(MULTI, OTHER)


@pytest.mark.asyncio
async def test_a_key_of_another_account_is_not_found(store: SqlStore) -> None:
    await insert(store, key())
    assert await find(store, account=OTHER) is None


@pytest.mark.asyncio
async def test_a_key_is_located_by_its_number_whoever_owns_it(store: SqlStore) -> None:
    await insert(store, key(MULTI, OTHER))
    async with store.reading() as uow:
        assert await uow.keys.locate_number(key(MULTI).number, multi_region=True) == (OTHER, MULTI)
        assert await uow.keys.locate_number(key(MULTI).number, multi_region=False) is None


@pytest.mark.asyncio
async def test_one_number_belongs_to_one_key_over_all_accounts(store: SqlStore) -> None:
    await insert(store, key())
    with pytest.raises(VersionConflict):
        await insert(store, key(account=OTHER))


@pytest.mark.asyncio
async def test_identifiers_compare_with_their_case(store: SqlStore) -> None:
    await insert(store, key())
    assert await find(store, KEY_ID.upper()) is None


@pytest.mark.asyncio
async def test_of_two_writers_one_wins(store: SqlStore, other_store: SqlStore) -> None:
    await insert(store, key())
    async with store.transaction() as uow:
        stored = await uow.keys.update(key().with_state(KeyState.DISABLED))
    assert stored.version == 2
    with pytest.raises(VersionConflict):
        async with other_store.transaction() as uow:
            await uow.keys.update(key().with_description("late"))
    assert await find(store) == stored


@pytest.mark.asyncio
async def test_stored_materials_follow_the_key(store: SqlStore) -> None:
    await insert(store, key())
    second = KeyMaterial("b" * 64, 1, 1, sealed("two"), description="d", expires_at=NOW)
    async with store.transaction() as uow:
        grown = await uow.keys.update(key().with_pending(second))
    assert await find(store) == grown
    rotated = grown.with_rotation_done(RotationType.ON_DEMAND, NOW).with_replaced(replace(grown.materials[0], sealed_bytes=b""))
    async with store.transaction() as uow:
        stored = await uow.keys.update(rotated)
    assert await find(store) == stored
    third = KeyMaterial("c" * 64, 2, 1, sealed("three"))
    async with store.transaction() as uow:
        pending = await uow.keys.update(stored.with_pending(third))
        gone = await uow.keys.update(pending.without_pending())
    found = await find(store)
    assert found == gone
    assert found is not None
    assert [m.material_id[0] for m in found.materials] == ["a", "b"]


@pytest.mark.asyncio
async def test_a_row_under_a_key_encryption_key_that_is_gone_is_refused(store: SqlStore) -> None:
    foreign = b"MW\x01\x01" + (KEK + 1).to_bytes(4, "big")
    with pytest.raises(VersionConflict):
        await insert(store, key(materials=(KeyMaterial("a" * 64, 0, 1, foreign),)))
    with pytest.raises(VersionConflict):
        async with store.transaction() as uow:
            await uow.keyring.insert_secret(SecretRow("k", "us-east-1", "a", "s", 1, NOW, foreign))
    assert await find(store) is None


@pytest.mark.asyncio
async def test_rows_are_found_by_the_key_that_wraps_them(store: SqlStore) -> None:
    await insert(store, key())
    async with store.transaction() as uow:
        await uow.keyring.insert_secret(SecretRow("k", "us-east-1", "a", "s", 1, NOW, sealed("x")))
        await uow.keyring.activate_kek(KekRow(KEK + 1, 1, True, NOW, b"sealed"))
    async with store.reading() as uow:
        (found,) = await uow.keyring.keys_wrapped_otherwise(KEK + 1, after=FIRST_WRAPPED, limit=10)
        assert found == (KEK.to_bytes(4, "big"), ACCOUNT, KEY_ID)
        assert await uow.keyring.keys_wrapped_otherwise(KEK + 1, after=found, limit=10) == []
        assert await uow.keyring.keys_wrapped_otherwise(KEK, after=FIRST_WRAPPED, limit=10) == []
        (secret,) = await uow.keyring.secrets_wrapped_otherwise(KEK + 1, limit=10)
        assert [await uow.keyring.is_named(n) for n in (KEK, KEK + 1)] == [True, False]
        assert {row.kek_number: row.is_active for row in await uow.keyring.keks()} == {KEK: False, KEK + 1: True}
    async with store.transaction() as uow:
        await uow.keyring.update_secret(replace(secret, row_version=2, sealed_bytes=sealed("y")))
        with pytest.raises(VersionConflict):
            await uow.keyring.update_secret(replace(secret, row_version=2, sealed_bytes=sealed("z")))
        await uow.keyring.delete_kek(KEK + 1)
        assert len(await uow.keyring.keks()) == 2, "an active one stays"


@pytest.mark.asyncio
async def test_what_is_due_is_found_and_nothing_else(store: SqlStore) -> None:
    later = NOW + timedelta(seconds=1)
    ids = [f"{n:08d}-0000-4000-8000-{n:012d}" for n in range(6)]
    plain = [replace(key(), key_id=name) for name in ids]
    due = [
        replace(plain[0], deletion_at=NOW),
        replace(plain[1], rotation=RotationSchedule(90, NOW)),
        replace(plain[2], on_demand_started_at=NOW),
        plain[3].with_replaced(replace(plain[3].materials[0], expires_at=NOW)),
    ]
    not_due = [
        replace(plain[4], deletion_at=later, rotation=RotationSchedule(90, later)),
        replace(plain[5], rotation=RotationSchedule(90, NOW), state=KeyState.DISABLED),
    ]
    async with store.reading() as uow:
        assert await uow.keys.next_due() is None
    await insert(store, not_due[0])
    await insert(store, not_due[1])
    async with store.reading() as uow:
        assert await uow.keys.next_due() == later
    for each in due:
        await insert(store, each)
    async with store.reading() as uow:
        assert await uow.keys.list_due(now=NOW, after=("", ""), limit=10) == [(ACCOUNT, name) for name in ids[:4]]
        assert await uow.keys.list_due(now=NOW, after=(ACCOUNT, ids[0]), limit=2) == [(ACCOUNT, name) for name in ids[1:3]]
        assert await uow.keys.list_due(now=NOW - timedelta(seconds=1), after=("", ""), limit=10) == []
        assert await uow.keys.next_due() == NOW


@pytest.mark.asyncio
async def test_a_wrapping_key_dies_of_failures_and_of_age(store: SqlStore) -> None:
    rows = [ImportKeyRow(f"{n}" * 32, ACCOUNT, KEY_ID, "RSA_2048", sealed("private"), NOW + timedelta(seconds=n)) for n in range(3)]
    async with store.transaction() as uow:
        for row in rows:
            await uow.import_keys.insert(row)
        assert await uow.import_keys.find("2" * 32) == rows[2]
        await uow.import_keys.delete_expired(now=NOW)
        assert await uow.import_keys.find("0" * 32) is None
        assert await uow.import_keys.take_try("1" * 32, tries_max=2) == replace(rows[1], failed_tries=1)
        await uow.import_keys.give_back_try("1" * 32)
        assert await uow.import_keys.find("1" * 32) == rows[1]
        assert await uow.import_keys.take_try("1" * 32, tries_max=2) == replace(rows[1], failed_tries=1)
        assert await uow.import_keys.take_try("1" * 32, tries_max=2) == replace(rows[1], failed_tries=2)
        assert await uow.import_keys.find("1" * 32) is None
        assert await uow.import_keys.take_try("1" * 32, tries_max=2) is None
        await uow.import_keys.delete_of_key(ACCOUNT, KEY_ID)
        assert await uow.import_keys.find("2" * 32) is None


@pytest.mark.asyncio
async def test_the_database_has_the_time(store: SqlStore) -> None:
    async with store.reading() as uow:
        assert abs((await uow.region.now() - datetime.now(UTC)).total_seconds()) < 5


@pytest.mark.asyncio
async def test_a_failed_transaction_leaves_no_trace(store: SqlStore) -> None:
    with pytest.raises(RuntimeError, match="in the middle"):
        async with store.transaction() as uow:
            await uow.keys.insert(key())
            await uow.audit_events.insert("e1", b"{}", owner="s")
            raise RuntimeError("in the middle")
    assert await find(store) is None
    async with store.reading() as uow:
        assert list(await uow.audit_events.held("s", are_steady=False)) == []
        assert await uow.region.last_change() == 0


@pytest.mark.asyncio
async def test_a_cancelled_transaction_leaves_no_trace_and_no_lock(store: SqlStore) -> None:
    entered = asyncio.Event()

    async def slow() -> None:
        async with store.transaction() as uow:
            await uow.keys.insert(key())
            entered.set()
            await asyncio.sleep(30)

    task = asyncio.create_task(slow())
    await asyncio.wait_for(entered.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(insert(store, key(MULTI)), 10)
    assert await find(store) is None


@pytest.mark.asyncio
async def test_listing_is_in_byte_order_and_pages(store: SqlStore) -> None:
    ids = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(5)]
    await insert(store, *[key(key_id) for key_id in ids], key(MULTI), key(KEY_ID, OTHER, tags=()))
    async with store.reading() as uow:
        assert list(await uow.keys.list_ids(ACCOUNT, after="", limit=3)) == ids[:3]
        assert list(await uow.keys.list_ids(ACCOUNT, after=ids[2], limit=10)) == [*ids[3:], MULTI]
        assert await uow.keys.count(ACCOUNT) == 6


@pytest.mark.asyncio
async def test_related_keys_are_counted_by_their_regions(store: SqlStore) -> None:
    twin, other = MULTI.replace("1", "2"), MULTI.replace("1", "3")
    related, alone = MultiRegionRole("us-east-1", ("ap-south-1", "eu-west-1")), MultiRegionRole("eu-west-1", ())
    await insert(store, key(MULTI, multi_region=related), key(twin, multi_region=related), key(other, multi_region=alone), key(KEY_ID))
    async with store.reading() as uow:
        first = RelatedKeys("eu-west-1", (), 1)
        assert list(await uow.key_sets.count_related(ACCOUNT, limit=10)) == [
            first,
            RelatedKeys("us-east-1", ("ap-south-1", "eu-west-1"), 2),
        ]
        assert list(await uow.key_sets.count_related(ACCOUNT, limit=1)) == [first]
        assert list(await uow.key_sets.count_related(OTHER, limit=10)) == []


@pytest.mark.asyncio
async def test_every_change_of_a_key_is_in_the_feed_in_order(store: SqlStore, other_store: SqlStore) -> None:
    await insert(store, key())
    async with other_store.transaction() as uow:
        stored = await uow.keys.update(key().with_state(KeyState.DISABLED))
    async with store.transaction() as uow:
        await uow.keys.delete(stored)
    async with store.reading() as uow:
        feed = list(await uow.region.changes_after(0, limit=10))
        assert [(c.account, c.key_id) for c in feed] == [(ACCOUNT, KEY_ID)] * 3
        assert [c.number for c in feed] == sorted({c.number for c in feed})
        assert await uow.region.last_change() == feed[-1].number
        assert list(await uow.region.changes_after(feed[-1].number, limit=10)) == []
    assert await find(store) is None


@pytest.mark.asyncio
async def test_concurrent_changes_are_all_in_the_feed(store: SqlStore, other_store: SqlStore) -> None:
    ids = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(20)]
    await asyncio.gather(*[insert(store if n % 2 else other_store, key(key_id)) for n, key_id in enumerate(ids)])
    async with store.reading() as uow:
        assert {c.key_id for c in await uow.region.changes_after(0, limit=100)} == set(ids)


def set_row() -> SetRow:
    row = add_member(found_set(ACCOUNT, MULTI, "us-east-1", "s0", (SetMaterial("a" * 64, 0),)), "us-east-1", "eu-west-1", "s1")
    return replace(row, signed_view=b"signed", held=frozenset({Held("eu-west-1", "s1", "a" * 64)}), refused_serials=frozenset({"x"}))


@pytest.mark.asyncio
async def test_a_reader_whom_the_feed_has_left_behind_is_told(store: SqlStore) -> None:
    async with store.transaction() as uow:
        await uow.keys.insert(key())
    for n in range(5):
        async with store.transaction() as uow:
            found = await uow.keys.find(ACCOUNT, KEY_ID)
            assert found is not None
            await uow.keys.update(replace(found, description=str(n)))
    async with store.transaction() as uow:
        last = await uow.region.last_change()
        assert await uow.region.prune_changes(keep=2) >= 4
        assert await uow.region.prune_changes(keep=2) == 0
    async with store.reading() as uow:
        assert [change.number for change in await uow.region.changes_after(last - 2, limit=10)] == [last - 1, last]
        with pytest.raises(FeedPruned):
            await uow.region.changes_after(last - 3, limit=10)


@pytest.mark.asyncio
async def test_old_events_are_forgotten_and_the_incarnations_they_came_of_are_not(store: SqlStore) -> None:
    async with store.transaction() as uow:
        for sequence in range(4):
            await uow.inbox.record("eu-west-1", 7, sequence, b"d", now=NOW + timedelta(days=sequence))
    async with store.transaction() as uow:
        assert await uow.inbox.prune(before=NOW + timedelta(days=2), limit=1) == 1
        assert await uow.inbox.prune(before=NOW + timedelta(days=2), limit=10) == 1
        assert await uow.inbox.prune(before=NOW + timedelta(days=2), limit=10) == 0
        assert await uow.inbox.prune(before=NOW + timedelta(days=9), limit=10) == 2
        assert await uow.inbox.highest_incarnation("eu-west-1") == 7
        assert await uow.inbox.record("eu-west-1", 7, 0, b"other", now=NOW)


@pytest.mark.asyncio
async def test_what_is_kept_about_a_set_comes_back(store: SqlStore) -> None:
    async with store.transaction() as uow:
        await uow.key_sets.insert(set_row())
    async with store.transaction() as uow:
        assert await uow.key_sets.find(ACCOUNT, MULTI) == set_row()
        stored = await uow.key_sets.update(replace(set_row(), stale=True))
    assert stored.version == 2
    with pytest.raises(VersionConflict):
        async with store.transaction() as uow:
            await uow.key_sets.update(set_row())
    with pytest.raises(VersionConflict):
        async with store.transaction() as uow:
            await uow.key_sets.insert(set_row())


@pytest.mark.asyncio
async def test_reserved_places_are_listed_when_they_are_old(store: SqlStore) -> None:
    row = SetRow(account=ACCOUNT, key_id=MULTI, status=RowStatus.RESERVED, serial="s", reserved_at=NOW, prepared_by="us-east-1")
    sooner = [replace(row, key_id=f"mrk-{n:032x}", reserved_at=NOW - timedelta(hours=n), prepared_by="ap-south-1") for n in (1, 2, 3)]
    later = NOW + timedelta(microseconds=1)
    async with store.transaction() as uow:
        for each in (row, *sooner):
            await uow.key_sets.insert(each)
        sets = uow.key_sets
        assert list(await sets.list_reserved(prepared_by="us-east-1", before=NOW, limit=5)) == []
        assert list(await sets.list_reserved(prepared_by="us-east-1", before=later, limit=1)) == [row], "whatever others have reserved"
        assert list(await sets.list_reserved(prepared_by="ap-south-1", before=later, limit=2)) == [sooner[2], sooner[1]]
        for prepared_by, most, count in (("ap-south-1", 9, 3), ("ap-south-1", 2, 2), ("us-east-1", 9, 1), ("eu-west-1", 9, 0)):
            assert await sets.count_reserved(ACCOUNT, prepared_by=prepared_by, most=most) == count
        await sets.update(replace(row, status=RowStatus.LIVE))
        assert await sets.count_reserved(ACCOUNT, prepared_by="us-east-1", most=9) == 0
        assert await sets.count_reserved("444455556666", prepared_by="ap-south-1", most=9) == 0


TARGET = "eu-west-1"


async def put(store: SqlStore, region: str = TARGET, kind: str = "set_state") -> None:
    async with store.transaction() as uow:
        await uow.outbox.put(kind, region, ACCOUNT, MULTI, request_id="r", now=NOW)


@pytest.mark.asyncio
async def test_what_waits_for_regions_that_are_left_out_is_not_counted_and_can_be_dropped(store: SqlStore) -> None:
    await put(store, TARGET)
    await put(store, "ap-south-1")
    async with store.transaction() as uow:
        assert not await uow.outbox.is_empty_for(ACCOUNT, MULTI, left_out=())
        assert not await uow.outbox.is_empty_for(ACCOUNT, MULTI, left_out={TARGET})
        assert await uow.outbox.is_empty_for(ACCOUNT, MULTI, left_out={TARGET, "ap-south-1"})
        assert [await uow.outbox.has_for(region) for region in (TARGET, "ap-south-1", "us-east-1")] == [True, True, False]
        assert await uow.outbox.drop_all_but([TARGET, "us-east-1"]) == ["ap-south-1"]
        assert [entry.target_region for entry in await uow.outbox.list(limit=9)] == [TARGET]
        assert await uow.outbox.drop_all_but([]) == [TARGET]
        assert await uow.outbox.is_empty_for(ACCOUNT, MULTI, left_out=())


@pytest.mark.asyncio
async def test_backlogs_are_counted_by_region_with_the_age_of_the_oldest(store: SqlStore) -> None:
    async with store.reading() as uow:
        assert list(await uow.outbox.backlogs()) == []
    await put(store, TARGET)
    later = NOW + timedelta(minutes=1)
    async with store.transaction() as uow:
        await uow.outbox.put("held", TARGET, ACCOUNT, MULTI, request_id="r", now=later)
        await uow.outbox.put("held", "ap-south-1", ACCOUNT, MULTI, request_id="r", now=later)
    async with store.reading() as uow:
        found = sorted(await uow.outbox.backlogs(), key=lambda each: each.target_region)
        own, others = await uow.outbox.backlogs_of(ACCOUNT), await uow.outbox.backlogs_of("999999999999")
    assert found == [Backlog("ap-south-1", 1, later), Backlog(TARGET, 2, NOW)]
    assert sorted(own, key=lambda each: each.target_region) == found
    assert list(others) == []


@pytest.mark.asyncio
async def test_an_entry_is_claimed_by_one_and_again_after_its_lease(store: SqlStore, other_store: SqlStore) -> None:
    await put(store)

    async def claim(at: SqlStore, now: datetime) -> int:
        async with at.transaction() as uow:
            return len(await uow.outbox.claim_due(TARGET, now=now, lease_owner="o", lease_seconds=15, limit=10))

    assert sorted(await asyncio.gather(claim(store, NOW), claim(other_store, NOW))) == [0, 1]
    assert await claim(store, NOW + timedelta(seconds=14)) == 0
    assert await claim(store, NOW + timedelta(seconds=15)) == 1


@pytest.mark.asyncio
async def test_a_newer_intention_outlives_the_delivery_of_an_older_one(store: SqlStore) -> None:
    await put(store)
    async with store.transaction() as uow:
        (older,) = await uow.outbox.claim_due(TARGET, now=NOW, lease_owner="o", lease_seconds=15, limit=10)
    await put(store)
    async with store.transaction() as uow:
        await uow.outbox.delivered(older)
        await uow.outbox.failed(older, due_at=NOW + timedelta(days=1), error="late")
        (newer,) = await uow.outbox.claim_due(TARGET, now=NOW, lease_owner="o", lease_seconds=15, limit=10)
        assert newer.sequence > older.sequence
        await uow.outbox.delivered(newer)
    async with store.reading() as uow:
        assert list(await uow.outbox.list(limit=10)) == []


@pytest.mark.asyncio
async def test_each_attempt_has_a_sequence_of_its_own(store: SqlStore) -> None:
    await put(store)
    await put(store, kind="held")
    seen: list[int] = []
    for attempt in range(3):
        async with store.transaction() as uow:
            claimed = await uow.outbox.claim_due(TARGET, now=NOW, lease_owner="o", lease_seconds=15, limit=10)
            seen += [entry.sequence for entry in claimed]
            for entry in claimed:
                await uow.outbox.failed(entry, due_at=NOW, error=f"attempt {attempt}")
    assert len(seen) == 6
    assert len(set(seen)) == 6
    await put(store, kind="gone")
    async with store.transaction() as uow:
        listed = await uow.outbox.list(limit=10)
    assert len({entry.sequence for entry in listed}) == 3


@pytest.mark.asyncio
async def test_a_failed_entry_waits_and_counts_its_attempts(store: SqlStore) -> None:
    await put(store)
    for attempt in (1, 2):
        async with store.transaction() as uow:
            (entry,) = await uow.outbox.claim_due(TARGET, now=NOW, lease_owner="o", lease_seconds=15, limit=10)
            assert entry.attempts == attempt
            await uow.outbox.failed(entry, due_at=NOW if attempt == 1 else NOW + timedelta(seconds=9), error="refused")
    async with store.transaction() as uow:
        assert list(await uow.outbox.claim_due(TARGET, now=NOW, lease_owner="o", lease_seconds=15, limit=10)) == []
        (listed,) = await uow.outbox.list(limit=10)
        assert (listed.last_error, listed.attempts) == ("refused", 2)


@pytest.mark.asyncio
async def test_a_reason_that_another_region_wrote_is_kept_in_printable_characters(store: SqlStore) -> None:
    await put(store)
    async with store.transaction() as uow:
        (entry,) = await uow.outbox.claim_due(TARGET, now=NOW, lease_owner="o", lease_seconds=15, limit=10)
        await uow.outbox.failed(entry, due_at=NOW, error="no\x00 \x1b[31mway" + "a" * 300)
    async with store.reading() as uow:
        (listed,) = await uow.outbox.list(limit=10)
    assert listed.last_error == ("no [31mway" + "a" * 300)[:200]


@pytest.mark.asyncio
async def test_a_region_that_is_found_is_heard_under_any_incarnation(store: SqlStore) -> None:
    async with store.transaction() as uow:
        await uow.region.initialise(RegionIdentity("d", "aws", "ap-south-1", 0, NOW))
        for region in ("eu-west-1", "us-east-1"):
            await uow.inbox.record(region, 5, 1, b"digest", now=NOW)
            await uow.inbox.learn_incarnation(region, 2**53 - 1)
    await withdraw_lost(store, OsEntropy(), "eu-west-1")
    async with store.reading() as uow:
        assert await uow.inbox.highest_incarnation("eu-west-1") == -1
        assert await uow.inbox.highest_incarnation("us-east-1") == 2**53 - 1


@pytest.mark.asyncio
async def test_an_event_is_applied_once(store: SqlStore) -> None:
    async with store.transaction() as uow:
        assert await uow.inbox.highest_incarnation("us-east-1") == -1
        assert await uow.inbox.record("us-east-1", 3, 7, b"digest", now=NOW)
    async with store.transaction() as uow:
        assert not await uow.inbox.record("us-east-1", 3, 7, b"digest", now=NOW)
        assert await uow.inbox.record("us-east-1", 4, 7, b"digest", now=NOW)
        assert await uow.inbox.highest_incarnation("us-east-1") == 4
    with pytest.raises(VersionConflict):
        async with store.transaction() as uow:
            await uow.inbox.record("us-east-1", 3, 7, b"another", now=NOW)


@pytest.mark.asyncio
async def test_names_are_stored_once_and_secrets_are_listed_newest_first(store: SqlStore) -> None:
    identity = RegionIdentity("d", "aws", "us-east-1", 0, NOW)
    rows = [SecretRow("k", "us-east-1", name, "s", 1, NOW + timedelta(hours=n), sealed("x"), b"y") for n, name in enumerate("ab")]
    async with store.transaction() as uow:
        assert await uow.region.identity() is None
        await uow.region.initialise(identity)
        for row in rows:
            await uow.keyring.insert_secret(row)
    async with store.transaction() as uow:
        assert await uow.region.identity() == identity
        assert list(await uow.keyring.secrets("k")) == rows[::-1]
        assert list(await uow.keyring.secret_names(("k", "other"))) == [("k", row.secret_id, 1, row.created_at) for row in rows]
        assert list(await uow.keyring.secret_names(("other",))) == []
        await uow.keyring.delete_secret("k", "us-east-1", "a")
        assert list(await uow.keyring.secrets("k")) == rows[1:]
    with pytest.raises(VersionConflict):
        async with store.transaction() as uow:
            await uow.region.initialise(identity)


@pytest.mark.asyncio
async def test_the_newest_streams_are_listed_first_and_the_last_verification_is_kept(store: SqlStore) -> None:
    first, last = (Verification(NOW + timedelta(microseconds=n), word, n, 2, 1 << 40, 4) for n, word in enumerate(("clean", "tampered")))
    async with store.transaction() as uow:
        for number in range(5):
            await uow.audit_streams.open(f"s{number}", "r", now=NOW)
        assert await uow.audit_streams.last_verification() is None
        await uow.audit_streams.note_verification(first)
    async with store.transaction() as uow:
        assert [row.head.stream for row in await uow.audit_streams.newest_of_all(limit=3)] == ["s4", "s3", "s2"]
        assert await uow.audit_streams.count() == 5
        assert await uow.audit_streams.last_verification() == first
        await uow.audit_streams.note_verification(last)
        assert await uow.audit_streams.last_verification() == last


@pytest.mark.asyncio
async def test_a_database_out_of_reach_is_an_internal_error_without_secrets(tmp_path: Path) -> None:
    store = SqlStore.connect(f"sqlite:///{tmp_path}/no/such/folder/x.sqlite3")
    with pytest.raises(KMSInternalException) as caught:
        await insert(store, key())
    assert "sealed" not in caught.value.reason
    await store.close()


def test_a_committed_change_survives_the_end_of_its_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/region.sqlite3"
    asyncio.run(upgrade(url))
    program = f"""
import asyncio, os, signal
from datetime import datetime, UTC
from meridian.adapters.store_sql.store import SqlStore
async def main():
    store = SqlStore.connect({url!r})
    async with store.transaction() as uow:
        await uow.audit_events.insert("kept", b"1", owner="s")
    print("committed", flush=True)
    async with store.transaction() as uow:
        await uow.audit_events.insert("lost", b"2", owner="s")
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False, env=os.environ)
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout == b"committed\n"

    async def waiting() -> list[str]:
        store = SqlStore.connect(url)
        async with store.reading() as uow:
            found = list(await uow.audit_events.held("s", are_steady=False))
        await store.close()
        return found

    assert asyncio.run(waiting()) == ["kept"]


def answer(token: str, *, account: str = ACCOUNT, principal: str = "p", given: bytes | None = b"", hours: int = 1) -> AnswerRow:
    return AnswerRow(account, principal, token, "CreateKey", b"digest", given, f"request {token}", NOW + timedelta(hours=hours))


async def answers_of(store: SqlStore, *tokens: str, account: str = ACCOUNT, principal: str = "p", hours: int = 0) -> list[bytes | None]:
    async with store.reading() as uow:
        found = [await uow.answers.find(account, principal, each, now=NOW + timedelta(hours=hours)) for each in tokens]
    return [row.answer for row in found if row is not None]


@pytest.mark.asyncio
async def test_an_answer_is_found_by_account_principal_and_token_until_it_expires(store: SqlStore, other_store: SqlStore) -> None:
    async with store.transaction() as uow:
        await uow.answers.put(answer("t", given=b"\x00\xff"), keep=9)
        assert await uow.answers.find(ACCOUNT, "p", "t", now=NOW) == answer("t", given=b"\x00\xff")
    assert await answers_of(other_store, "t") == [b"\x00\xff"]
    assert await answers_of(other_store, "T") == await answers_of(other_store, "t", account=OTHER) == []
    assert await answers_of(other_store, "t", principal="q") == await answers_of(other_store, "t", hours=1) == []


@pytest.mark.asyncio
async def test_an_account_keeps_its_newest_answers_and_no_other_accounts_go(store: SqlStore) -> None:
    async with store.transaction() as uow:
        await uow.answers.put(answer("a", account=OTHER), keep=2)
        for token in ("a", "b", "a", "c"):
            await uow.answers.put(answer(token), keep=2)
    assert await answers_of(store, "b") == []
    assert await answers_of(store, "a", "c") == [b"", b""]
    assert await answers_of(store, "a", account=OTHER) == [b""]


@pytest.mark.asyncio
async def test_a_principal_with_many_answers_takes_the_place_of_his_own(store: SqlStore) -> None:
    theirs = [f"t{number}" for number in range(5)]
    async with store.transaction() as uow:
        for token in theirs:
            await uow.answers.put(replace(answer(token), principal="q"), keep=8)
        for number in range(50):
            await uow.answers.put(answer(f"{number}"), keep=8)
    assert await answers_of(store, *theirs, principal="q") == [b""] * 5
    assert await answers_of(store, *map(str, range(50))) == [b""] * 3, "the account keeps eight"
    assert await answers_of(store, "47", "48", "49") == [b""] * 3
    async with store.transaction() as uow:
        for number in range(50):
            await uow.answers.put(replace(answer(f"late {number}"), principal="r"), keep=8)
    assert len(await answers_of(store, *(f"late {number}" for number in range(50)), principal="r")) == 2, "others have a share, too"


@pytest.mark.asyncio
async def test_a_claim_is_withdrawn_by_its_own_call_and_an_answer_by_none(store: SqlStore) -> None:
    async with store.transaction() as uow:
        await uow.answers.put(answer("claimed", given=None), keep=9)
        await uow.answers.put(answer("answered"), keep=9)
    async with store.transaction() as uow:
        await uow.answers.withdraw(ACCOUNT, "p", "claimed", request_id="another")
        await uow.answers.withdraw(ACCOUNT, "p", "answered", request_id="request answered")
    assert await answers_of(store, "claimed", "answered") == [None, b""]
    async with store.transaction() as uow:
        await uow.answers.withdraw(ACCOUNT, "p", "claimed", request_id="request claimed")
    assert await answers_of(store, "claimed", "answered") == [b""]


@pytest.mark.asyncio
async def test_expired_answers_are_pruned_a_few_at_a_time(store: SqlStore) -> None:
    async with store.transaction() as uow:
        for number in range(3):
            await uow.answers.put(answer(str(number), hours=-number), keep=9)
        await uow.answers.put(answer("lasting"), keep=9)
    async with store.transaction() as uow:
        assert await uow.answers.prune(now=NOW, limit=2) == 2
        assert await uow.answers.prune(now=NOW, limit=2) == 1
    assert await answers_of(store, "0", "1", "2", "lasting", hours=-9) == [b""]


def _tells(database_url: str) -> bool:
    return database_url.startswith("sqlite")


@pytest.mark.asyncio
async def test_every_commit_is_told_by_another_number_and_nothing_else(store: SqlStore, other_store: SqlStore, database_url: str) -> None:
    assert (store.commits() is not None) == _tells(database_url)
    for each in (store, other_store):
        seen = store.commits()
        async with each.reading() as uow:
            await uow.region.last_change()
        async with each.transaction() as uow:
            assert not await uow.outbox.claim_due("nowhere", now=NOW, lease_owner="o", lease_seconds=1, limit=1)
        assert store.commits() == seen
        async with each.transaction() as uow:
            await uow.audit_events.insert(f"{id(each)}", b"{}", owner=NOBODY)
            assert store.commits() == seen, "not before it is committed"
        assert (store.commits() != seen) == _tells(database_url)


@pytest.mark.asyncio
async def test_a_database_that_is_not_where_it_was_tells_no_number(store: SqlStore, database_url: str, tmp_path: Path) -> None:
    if not _tells(database_url):
        assert store.commits() is None
        return
    file = tmp_path / "region.sqlite3"
    before = store.commits()
    assert before is not None
    file.rename(tmp_path / "moved")
    assert store.commits() is None
    (tmp_path / "moved").rename(file)
    assert store.commits() not in (None, before), "nobody was there to count meanwhile"


@pytest.mark.asyncio
async def test_no_empty_database_is_made_where_one_was_moved_away(store: SqlStore, database_url: str, tmp_path: Path) -> None:
    if not _tells(database_url):
        return
    file = tmp_path / "region.sqlite3"
    file.rename(tmp_path / "moved")
    with pytest.raises(KMSInternalException):
        async with store.reading() as uow:
            await uow.region.now()
    await store.close()  # and every connection with it
    with pytest.raises(KMSInternalException):
        async with store.reading() as uow:
            await uow.region.now()
    with pytest.raises((SQLAlchemyError, OSError)):
        async with store._reading.connect():
            pass
    assert not file.exists()
    (tmp_path / "moved").rename(file)
