"""Keys in memory are never older than promised."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from tests.cache_memory import cache_memory
from tests.stepped_clock import SteppedClock

from meridian.adapters.looks_abroad import LOOK_SECONDS, LOOKS_MAX, LooksAbroad
from meridian.adapters.store_cache import STALENESS_SECONDS_MAX, CachedKeys
from meridian.adapters.store_sql.migrate import upgrade
from meridian.adapters.store_sql.store import SqlStore
from meridian.domain.bounded_cache import BoundedCache, Caches, nobody
from meridian.domain.cache_entries import key_owner
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, Origin
from meridian.errors import KMSInternalException
from meridian.ports.store.store import READ_SECONDS_MAX
from meridian.workers.unless_still import UnlessStill

ACCOUNT, KEY_ID = "111122223333", "1234abcd-12ab-34cd-56ef-1234567890ab"


def remembered(caches: Caches) -> BoundedCache[str, str]:
    """A cache of somebody else with something about the key."""
    other: BoundedCache[str, str] = BoundedCache(caches, "other", most=10, weigh=lambda *_: 0, left=nobody)
    other.keep("name", "value", [key_owner(ACCOUNT, KEY_ID)], ACCOUNT)
    return other


def key() -> Key:
    return Key(
        "aws",
        "us-east-1",
        ACCOUNT,
        KEY_ID,
        KeySpec.SYMMETRIC_DEFAULT,
        KeyUsage.ENCRYPT_DECRYPT,
        Origin.AWS_KMS,
        KeyState.ENABLED,
        datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    url = f"sqlite:///{tmp_path}/r.sqlite3"
    await upgrade(url)
    made = SqlStore.connect(url)
    async with made.transaction() as uow:
        await uow.keys.insert(key())
    yield made
    await made.close()


@pytest.mark.asyncio
async def test_a_key_is_read_once_and_again_after_it_changed_elsewhere(store: SqlStore) -> None:
    caches = cache_memory()
    other = remembered(caches)
    cached = CachedKeys(store, SteppedClock(100.0), caches)
    await cached.start()
    found = await cached.find(ACCOUNT, KEY_ID)
    assert found is not None
    cached.remember(ACCOUNT, KEY_ID, found)
    statements = store.statements
    assert cached.find_cached(ACCOUNT, KEY_ID) is found
    assert cached.find_cached_number(found.number, multi_region=False) is found
    assert store.statements == statements
    async with store.transaction() as uow:
        await uow.keys.update(found.with_state(KeyState.DISABLED))
    await cached.read_changes()
    assert other.get("name") is None
    assert cached.find_cached(ACCOUNT, KEY_ID) is None
    again = await cached.find(ACCOUNT, KEY_ID)
    assert again is not None
    assert again.state is KeyState.DISABLED


@pytest.mark.asyncio
async def test_without_readings_of_the_feed_nothing_is_answered(store: SqlStore) -> None:
    clock = SteppedClock(100.0)
    cached = CachedKeys(store, clock, cache_memory())
    await cached.start()
    await cached.find(ACCOUNT, KEY_ID)
    clock.seconds += STALENESS_SECONDS_MAX + 0.1
    with pytest.raises(KMSInternalException):
        cached.find_cached(ACCOUNT, KEY_ID)
    await cached.read_changes()
    assert await cached.find(ACCOUNT, KEY_ID) is not None


@pytest.mark.asyncio
async def test_a_reader_overtaken_by_a_change_does_not_keep_the_old_key(store: SqlStore) -> None:
    cached = CachedKeys(store, SteppedClock(100.0), cache_memory())
    await cached.start()
    old = replace(key(), description="old")
    before = cached._forgotten
    cached.forget(ACCOUNT, KEY_ID)  # a change commits while a slow reader still holds the old row
    assert cached._keep(old, before) is old
    assert cached.find_cached_number(old.number, multi_region=False) is None


@pytest.mark.asyncio
async def test_a_process_that_the_feed_left_behind_forgets_everything(store: SqlStore) -> None:
    clock = SteppedClock(100.0)
    caches = cache_memory()
    other = remembered(caches)
    directory = CachedKeys(store, clock, caches)
    await directory.start()
    known = await directory.find(ACCOUNT, KEY_ID)
    assert known is not None
    for text in ("one", "two"):
        async with store.transaction() as uow:
            found = await uow.keys.find(ACCOUNT, KEY_ID)
            assert found is not None
            await uow.keys.update(replace(found, description=text))
    async with store.transaction() as uow:
        await uow.region.prune_changes(keep=1)
    await directory.read_changes()
    assert other.get("name") is None
    again = await directory.find(ACCOUNT, KEY_ID)
    assert again is not None
    assert again.description == "two"
    await directory.read_changes()
    assert directory.find_cached_number(again.number, multi_region=False) is again


# ---- what callers of another account look for

STRANGER, ABSENT_ID = "444455556666", "00000000-0000-4000-8000-000000000000"


@pytest.mark.asyncio
@pytest.mark.parametrize("name", [KEY_ID, ABSENT_ID, "alias/nowhere"])
async def test_a_look_abroad_reads_the_store_once_whatever_it_finds(store: SqlStore, name: str) -> None:
    clock = SteppedClock(100.0)
    cached = CachedKeys(store, clock, cache_memory())
    await cached.start()
    assert await cached.find(ACCOUNT, KEY_ID) is not None  # its owner uses it
    for _ in range(2):  # the second time after the look has ended
        statements = store.statements
        found = [await cached.find_abroad(STRANGER, ACCOUNT, name) for _ in range(3)]
        assert {key is not None for key in found} == {name == KEY_ID}
        assert store.statements == statements + 1
        clock.seconds += LOOK_SECONDS
        await cached.read_changes()


@pytest.mark.asyncio
async def test_a_key_that_was_absent_is_found_as_soon_as_it_is_made(store: SqlStore) -> None:
    cached = CachedKeys(store, SteppedClock(100.0), cache_memory())
    await cached.start()
    made = replace(key(), key_id=ABSENT_ID)
    looks: tuple[Callable[[], Awaitable[Key | None]], ...] = (
        lambda: cached.find_abroad(STRANGER, ACCOUNT, ABSENT_ID),
        lambda: cached.find_by_number(STRANGER, made.number, multi_region=False),
    )
    for look in looks:
        assert await look() is None
    async with store.transaction() as uow:
        await uow.keys.insert(made)
    await cached.read_changes()  # as a process that did not make it
    assert await cached.find_abroad(STRANGER, ACCOUNT, ABSENT_ID) is not None
    assert await cached.find_by_number(STRANGER, made.number, multi_region=False) is not None


@pytest.mark.asyncio
async def test_a_change_of_ones_own_key_tells_no_absent_number_from_one_that_is_there(store: SqlStore) -> None:
    cached = CachedKeys(store, SteppedClock(100.0), cache_memory())
    await cached.start()
    assert await cached.find(ACCOUNT, KEY_ID) is not None  # its owner uses it
    spent = []
    for number in (key().number, replace(key(), key_id=ABSENT_ID).number):
        await cached.find_by_number(STRANGER, number, multi_region=False)
        cached.forget(STRANGER, "a key of the stranger's own")
        statements = store.statements
        await cached.find_by_number(STRANGER, number, multi_region=False)
        spent.append(store.statements - statements)
    assert spent == [1, 1]


@pytest.mark.asyncio
async def test_ones_own_key_is_found_by_its_number_in_one_reading_and_is_no_look_abroad(store: SqlStore) -> None:
    cached = CachedKeys(store, SteppedClock(100.0), cache_memory())
    await cached.start()
    statements = store.statements
    assert await cached.find_by_number(ACCOUNT, key().number, multi_region=False) == key()
    assert store.statements == statements + 1
    assert not cached._looks.is_known((ACCOUNT, key().number, False))
    assert cached.find_cached_number(key().number, multi_region=False) is not None


def test_looks_are_a_bounded_number() -> None:
    looks = LooksAbroad(SteppedClock(100.0))
    for number in range(2 * LOOKS_MAX):
        looks.remember((STRANGER, ACCOUNT, f"{number}"), None)
    assert looks.is_known((STRANGER, ACCOUNT, f"{2 * LOOKS_MAX - 1}"))
    assert sum(map(len, looks._into.values())) == looks._count <= LOOKS_MAX


def seconds_of_forgetting_looks(count: int) -> float:
    looks = LooksAbroad(SteppedClock(100.0))
    for number in range(count):
        looks.remember((STRANGER, number.to_bytes(16, "big"), False), None)
    began = time.thread_time()
    looks.forget(ACCOUNT)
    return time.thread_time() - began


def test_many_looks_for_numbers_hold_nobody_up_when_a_key_changes() -> None:
    """One after the other they take ten milliseconds."""
    assert min(seconds_of_forgetting_looks(LOOKS_MAX) for _ in range(5)) < 0.005


@pytest.mark.asyncio
async def test_a_feed_that_nobody_wrote_to_is_as_good_as_read_and_one_commit_ends_that(store: SqlStore) -> None:
    clock = SteppedClock(100.0)
    cached = CachedKeys(store, clock, cache_memory())
    await cached.start()
    found = await cached.find(ACCOUNT, KEY_ID)
    assert found is not None
    cached.remember(ACCOUNT, KEY_ID, found)
    feed = UnlessStill(cached.read_changes, store, clock, lambda: READ_SECONDS_MAX, cached.nothing_changed)
    await feed()
    before = store.statements
    for _ in range(4):
        clock.seconds += READ_SECONDS_MAX / 5
        await feed()
        assert cached.find_cached(ACCOUNT, KEY_ID) is found
    assert store.statements == before
    clock.seconds += STALENESS_SECONDS_MAX - 1
    assert cached.find_cached(ACCOUNT, KEY_ID) is found, "as long after a look that was left out as after one that was made"
    async with store.transaction() as uow:
        await uow.keys.update(found.with_state(KeyState.DISABLED))
    await feed()
    assert cached.find_cached(ACCOUNT, KEY_ID) is None
