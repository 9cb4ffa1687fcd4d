"""What the shipping of audit events promises, with two processes' streams on one database."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.audit_logs import SteppingClock, open_file, open_stream, records_in
from tests.contract.test_audit_events import age
from tests.contract.test_store import NOW
from tests.reported_events import ReportedEvents

from meridian.adapters.audit_stream import FileAuditStream
from meridian.adapters.store_sql.dialects import WRITE_SECONDS
from meridian.adapters.store_sql.store import SqlStore
from meridian.audit.copies import Copies, Counted
from meridian.audit.ship_events import WRITES_TRIED_SECONDS, AuditShipping
from meridian.errors import DependencyTimeoutException
from meridian.ports.store.audit_events import LEASE_SECONDS, NOBODY


class Process:
    """The part of a process that ships: its stream, registered, and what it has written."""

    def __init__(self, store: SqlStore, folder: Path, name: str) -> None:
        self.store, self.folder, self.name, self.clock = store, folder, name, SteppingClock()
        self.events = ReportedEvents()
        self.file = open_file(folder, name)
        self.stream: FileAuditStream = open_stream(self.file, sink_timeout_seconds=20)
        self.shipping = AuditShipping(self.stream, store, self.clock, self.events)

    async def start(self) -> Process:
        async with self.store.transaction() as uow:
            await uow.audit_streams.open(self.name, "r", now=NOW)
        await self.shipping.register(is_closed=False)
        await self.shipping.resume()
        return self

    async def commit(self, *names: str) -> None:
        """Changes that are committed, and whose calls have not written their events yet."""
        for name in names:
            async with self.store.transaction() as uow:
                await self.shipping.store(uow, name, orjson.dumps(event(name)))

    async def die(self) -> None:
        """Leave the files as they are, and the database as it is."""
        self.file.directory.close()


def event(name: str) -> dict[str, Any]:
    return {"eventID": name, "eventName": "CreateKey", "eventTime": "2026-01-02T03:04:05Z", "readOnly": False, "meridian": {}}


def written(*folders: Path) -> list[dict[str, Any]]:
    return [record for folder in folders for record in records_in(folder) if "eventID" in record]


def times(*folders: Path) -> dict[str, int]:
    return dict(Counter(record["eventID"] for record in written(*folders)))


async def waiting(store: SqlStore) -> list[str]:
    async with store.reading() as uow:
        return [name for owner in await uow.audit_events.owners() for name in await uow.audit_events.held(owner, are_steady=False)]


@pytest.mark.asyncio
async def test_an_event_is_written_once_by_the_process_that_holds_it(store: SqlStore, other_store: SqlStore, tmp_path: Path) -> None:
    one, two = await Process(store, tmp_path / "1", "s1").start(), await Process(other_store, tmp_path / "2", "s2").start()
    names = [f"e{number}" for number in range(20)]
    await one.commit(*names)
    async with store.transaction() as uow:
        for number in range(40):
            await uow.audit_events.insert(f"free{number}", orjson.dumps(event(f"free{number}")), owner=NOBODY)
    await asyncio.gather(two.shipping.ship(), one.shipping.ship(), two.shipping.ship())
    assert times(one.folder, two.folder) == {f"free{number}": 1 for number in range(40)}
    for name in names:
        await one.shipping.write(event(name))
        one.shipping.drop(name)
        await two.shipping.ship()
    await one.shipping.ship()
    await two.shipping.ship()
    assert set(times(one.folder, two.folder).values()) == {1}
    assert {name for name in times(one.folder) if name in names} == set(names)
    assert await waiting(store) == []


@pytest.mark.asyncio
async def test_a_look_that_finds_nothing_waits_for_no_writer(store: SqlStore, other_store: SqlStore, tmp_path: Path) -> None:
    one = await Process(store, tmp_path, "s1").start()
    async with other_store.transaction() as uow, asyncio.timeout(WRITE_SECONDS / 2):
        await uow.audit_events.insert("free", orjson.dumps(event("free")), owner=NOBODY)
        assert not await one.shipping.ship()
    await one.shipping.ship()
    assert times(tmp_path) == {"free": 1}


@pytest.mark.asyncio
async def test_a_look_tries_a_database_that_kept_nothing(store: SqlStore, tmp_path: Path) -> None:
    one = await Process(store, tmp_path, "s1").start()
    store._cannot_write = "the disk is full"
    await one.shipping.ship()
    assert store.trouble() == "", "nothing else may write for a minute, and a Region that is not ready is asked nothing"


@pytest.mark.asyncio
async def test_a_look_tries_a_database_that_was_not_written_to_for_a_while(
    store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have become a copy that can only be read, and nobody else would hear of that."""
    one, transactions, begin = await Process(store, tmp_path, "s1").start(), list[None](), store.transaction
    monkeypatch.setattr(store, "transaction", lambda: transactions.append(None) or begin())
    await one.shipping.ship()
    assert not transactions
    one.shipping._wrote_at -= WRITES_TRIED_SECONDS
    await one.shipping.ship()
    await one.shipping.ship()
    assert len(transactions) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("body", [b"garbage", b"\xff", b"[]"], ids=["no JSON", "no text", "no record"])
async def test_an_event_that_is_no_record_is_told_once_and_holds_up_no_other(store: SqlStore, tmp_path: Path, body: bytes) -> None:
    one = await Process(store, tmp_path, "s1").start()
    async with store.transaction() as uow:
        await uow.audit_events.insert("before", orjson.dumps(event("before")), owner=NOBODY)
        await uow.audit_events.insert("poisoned", body, owner=NOBODY)
        await uow.audit_events.insert("after", orjson.dumps(event("after")), owner=NOBODY)
    for _ in range(3):
        await one.shipping.ship()
    assert times(tmp_path) == {"before": 1, "after": 1}
    assert [subject for _, subject, _ in one.events.reported] == ["audit shipping poisoned"]
    assert await waiting(store) == ["poisoned"]


@pytest.mark.asyncio
async def test_a_call_that_leaves_its_event_behind_has_it_written_from_the_database(store: SqlStore, tmp_path: Path) -> None:
    one = await Process(store, tmp_path, "s1").start()
    await one.commit("left")
    await one.shipping.ship()
    assert times(tmp_path) == {}, "its call may yet write it"
    one.shipping.drop("left")
    await one.shipping.ship()
    await one.shipping.ship()
    assert times(tmp_path) == {"left": 1}
    assert written(tmp_path)[0]["meridian"].get("takenFrom") is None


@pytest.mark.asyncio
async def test_a_record_whose_caller_has_left_is_not_written_again(store: SqlStore, tmp_path: Path) -> None:
    one = await Process(store, tmp_path, "s1").start()
    await one.commit("late")
    write, goes_on = one.file.write_batch, threading.Event()

    def slow(batch: Any, kept: int) -> None:
        goes_on.wait(20)
        write(batch, kept)

    one.file.write_batch = slow  # type: ignore[method-assign]  # a disk that hangs cannot be had here
    leaving = asyncio.create_task(one.shipping.write(event("late")))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    one.shipping.drop("late")
    shipped = asyncio.create_task(one.shipping.ship())
    await asyncio.wait([shipped], timeout=1)
    goes_on.set()
    await shipped
    while one.stream.figures().records < 2:
        await asyncio.sleep(0.01)
    await one.shipping.ship()
    assert times(tmp_path) == {"late": 1}
    assert await waiting(store) == []


@pytest.mark.asyncio
async def test_the_next_start_finds_what_was_written_and_writes_what_was_not(store: SqlStore, tmp_path: Path) -> None:
    one = await Process(store, tmp_path, "s1").start()
    await one.commit("before", "written", "unwritten")
    await one.shipping.write(event("before"))
    await one.shipping.register(is_closed=False)
    await one.shipping.write(event("written"))
    await one.die()
    for number in (2, 3):
        await (await Process(store, tmp_path, f"s{number}").start()).die()
    assert times(tmp_path) == {"before": 1, "written": 1, "unwritten": 1}
    assert [r["meridian"].get("takenFrom") for r in written(tmp_path)] == [None, None, "s1"]


@pytest.mark.asyncio
async def test_another_process_takes_over_what_a_dead_one_held_and_a_copy_says_so(
    store: SqlStore, other_store: SqlStore, tmp_path: Path
) -> None:
    one, two = await Process(store, tmp_path / "1", "s1").start(), await Process(other_store, tmp_path / "2", "s2").start()
    await one.commit("written", "unwritten")
    await one.shipping.write(event("written"))
    await one.die()
    await two.shipping.ship()
    assert times(two.folder) == {}, "the lease lasts"
    await age(store, LEASE_SECONDS)
    await two.shipping.ship()
    assert times(one.folder, two.folder) == {"written": 2, "unwritten": 1}
    copies = Copies()
    for _ in range(2):  # a directory that grows meanwhile is read again
        for record in written(one.folder, two.folder):
            copies.visit(record)
    assert copies.count() == Counted(taken_over=1, unexplained=0, is_whole=True)


def test_a_copy_that_nobody_took_over_is_not_explained() -> None:
    copies = Copies()
    for stream in ("s1", "s2"):
        copies.visit({**event("e"), "meridian": {"stream": stream, "seq": 4}})
        copies.visit({**event("read"), "readOnly": True, "meridian": {"stream": stream, "seq": 5}})
    assert copies.count() == Counted(taken_over=0, unexplained=1, is_whole=True)


@pytest.mark.asyncio
async def test_a_process_that_stood_still_does_not_write_what_another_took(store: SqlStore, other_store: SqlStore, tmp_path: Path) -> None:
    one, two = await Process(store, tmp_path / "1", "s1").start(), await Process(other_store, tmp_path / "2", "s2").start()
    await one.commit("taken", "kept")
    await age(store, LEASE_SECONDS)
    async with store.transaction() as uow:
        assert await uow.audit_events.hold("s1", "kept")
    one.clock.seconds += LEASE_SECONDS
    await two.shipping.ship()
    with pytest.raises(DependencyTimeoutException):
        await one.shipping.write(event("taken"))
    await one.shipping.write(event("kept"))
    assert times(one.folder) == {"kept": 1}
    assert times(two.folder) == {"taken": 1}


@pytest.mark.asyncio
async def test_a_process_whose_log_takes_nothing_leaves_its_events_to_others(
    store: SqlStore, other_store: SqlStore, tmp_path: Path
) -> None:
    one, two = await Process(store, tmp_path / "1", "s1").start(), await Process(other_store, tmp_path / "2", "s2").start()
    await one.commit("stuck")
    one.shipping.drop("stuck")
    one.folder.rename(tmp_path / "away")
    with pytest.raises(DependencyTimeoutException):
        await one.stream.probe()
    await age(store, LEASE_SECONDS)
    await one.shipping.ship()
    await two.shipping.ship()
    assert times(two.folder) == {"stuck": 1}
