"""What every store promises of the audit events that wait in it: each is leased to one stream at a time."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from meridian.adapters.store_sql.store import SqlStore
from meridian.audit.ship_events import MARGIN_SECONDS
from meridian.ports.store.audit_events import LEASE_SECONDS, NOBODY, STEADY_SECONDS
from meridian.ports.store.store import Store


async def held(store: Store, owner: str, *, are_steady: bool = True) -> list[str]:
    async with store.reading() as uow:
        return list(await uow.audit_events.held(owner, are_steady=are_steady))


async def claim(store: Store, owner: str, limit: int = 100) -> list[str]:
    async with store.transaction() as uow:
        await uow.audit_events.claim(owner, limit=limit)
    return await held(store, owner)


async def age(store: SqlStore, seconds: float) -> None:
    """Let the leases grow older, as the database's clock would."""
    async with store.transaction() as uow:
        connection = uow.audit_events._connection  # type: ignore[attr-defined]  # time cannot be moved from outside
        await connection.execute(text("UPDATE audit_events SET lease_until = lease_until - :by"), {"by": int(seconds * 1_000_000)})


@pytest.mark.asyncio
async def test_events_wait_in_order_until_they_are_removed(store: SqlStore) -> None:
    async with store.transaction() as uow:
        for name in ("e2", "e1", "e3"):
            await uow.audit_events.insert(name, name.encode(), owner="s")
        await uow.audit_events.insert("e0", b"", owner=NOBODY)
    assert await held(store, "s") == ["e2", "e1", "e3"]
    async with store.transaction() as uow:
        read = [(each.event_id, each.body, each.taken_from) for each in await uow.audit_events.read(["e1", "e2", "no"])]
        assert read == [("e2", b"e2", ""), ("e1", b"e1", "")]
        await uow.audit_events.remove(["e2", "e1"])
        assert list(await uow.audit_events.owners()) == ["s"]
    assert await held(store, "s") == ["e3"]


@pytest.mark.asyncio
async def test_whether_an_event_waits_is_told_whoever_holds_it(store: SqlStore) -> None:
    async with store.transaction() as uow:
        assert not await uow.audit_events.has_any()
        await uow.audit_events.insert("free", b"", owner=NOBODY)
        assert await uow.audit_events.has_any()
        await uow.audit_events.remove(["free"])
        assert not await uow.audit_events.has_any()


@pytest.mark.asyncio
async def test_nobody_claims_what_another_holds_until_its_lease_has_ended(store: SqlStore, other_store: SqlStore) -> None:
    async with store.transaction() as uow:
        await uow.audit_events.insert("mine", b"", owner="a")
        await uow.audit_events.insert("free", b"", owner=NOBODY)
    assert await claim(other_store, "b") == ["free"]
    await age(store, LEASE_SECONDS - 2)
    assert await held(store, "a") == [], "too little is left to begin a write with"
    assert await held(store, "a", are_steady=False) == ["mine"]
    assert await claim(store, "a") == ["mine"], "who still holds it goes on"
    await age(store, LEASE_SECONDS)
    assert await claim(other_store, "b") == ["mine", "free"]
    assert await claim(store, "a") == []
    async with store.transaction() as uow:
        assert [each.taken_from for each in await uow.audit_events.read(["mine", "free"])] == ["a", ""]
        assert not await uow.audit_events.hold("a", "mine")
        assert await uow.audit_events.hold("b", "mine")


@pytest.mark.asyncio
async def test_no_lease_lasts_longer_because_the_clock_went_back(store: SqlStore, other_store: SqlStore) -> None:
    """Who lives keeps what it holds; of who died it is free when a lease has passed, not when the clock has caught up."""
    async with store.transaction() as uow:
        await uow.audit_events.insert("of the dead", b"", owner="dead")
        await uow.audit_events.insert("of the living", b"", owner="living")
    await age(store, -86_400)
    assert await claim(other_store, "b") == [], "each may still be written by whoever holds it"
    await age(store, LEASE_SECONDS / 2)
    assert await claim(store, "living") == ["of the living"]
    await age(store, LEASE_SECONDS / 2 + 1)
    assert await claim(other_store, "b") == ["of the dead"]
    assert await held(store, "living") == ["of the living"]


@pytest.mark.asyncio
async def test_claims_at_the_same_time_share_the_events_among_them(store: SqlStore, other_store: SqlStore) -> None:
    names = [f"e{number:02d}" for number in range(60)]
    async with store.transaction() as uow:
        for name in names:
            await uow.audit_events.insert(name, b"", owner=NOBODY)
    stores = {"a": store, "b": other_store, "c": store, "d": other_store}
    await asyncio.gather(*[claim(stores[owner], owner, limit=15) for owner in stores])
    shares = [await held(store, owner) for owner in stores]
    assert sorted(name for share in shares for name in share) == names
    assert [len(share) for share in shares] == [15] * 4


@pytest.mark.asyncio
async def test_a_dead_streams_events_are_taken_at_once_and_a_closed_ones_are_free(store: SqlStore) -> None:
    async with store.transaction() as uow:
        await uow.audit_events.insert("e1", b"", owner="dead")
        await uow.audit_events.insert("e2", b"", owner="closed")
        await uow.audit_events.take("new", before="dead")
        await uow.audit_events.give_up("closed")
    assert await held(store, "new") == ["e1"]
    assert await claim(store, "other") == ["e2"]
    async with store.reading() as uow:
        assert [each.taken_from for each in await uow.audit_events.read(["e1", "e2"])] == ["dead", "closed"]


def test_a_write_that_is_begun_under_a_steady_lease_ends_under_it() -> None:
    assert MARGIN_SECONDS < STEADY_SECONDS < LEASE_SECONDS
