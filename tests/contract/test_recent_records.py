"""What looking back through the log promises: the newest first, each once, within bounds, whatever lies there."""

from __future__ import annotations

import asyncio
import os
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from tests.audit_logs import SteppingClock, record
from tests.logs_to_look_back_through import ACCOUNT, OTHER, Log

from meridian.adapters import audit_history, audit_log_backwards
from meridian.adapters.audit_history import FileAuditHistory
from meridian.adapters.audit_logs_seen import SeenLogs
from meridian.adapters.heavy_workers import HeavyWorkers
from meridian.audit.backwards import PlacedLine, lines_before
from meridian.audit.segments import segments_in
from meridian.errors import InvalidMarkerException, ThrottlingException
from meridian.ports.audit_history import Wanted
from meridian.short_turns import ShortTurns


def is_call(found: dict[str, Any]) -> bool:
    return str(found["eventName"]) == "Encrypt"


CALLS = Wanted(ACCOUNT.encode(), is_call)


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest_asyncio.fixture
async def heavy() -> AsyncIterator[HeavyWorkers]:
    workers = HeavyWorkers(workers=2, queue_max=2, wait_seconds=20.0, turns=ShortTurns())
    yield workers
    workers.close()


def history(log: Log, heavy: HeavyWorkers, root: Path, replicas: Path | None = None) -> FileAuditHistory:
    return FileAuditHistory(SeenLogs("r", root, replicas), log.written, heavy)


async def pages(looked: FileAuditHistory, wanted: Wanted, most: int = 3) -> list[list[int]]:
    """The numbers of the records of each look, to the end."""
    found, place = [], ""
    while True:
        look = await looked.look(ACCOUNT, wanted, most=most, place=place)
        found.append([int(each["requestID"]) for each in look.records])
        place = look.place
        if not place:
            return found


async def all_of(looked: FileAuditHistory, wanted: Wanted, most: int = 3) -> list[int]:
    return [number for page in await pages(looked, wanted, most) for number in page]


@pytest.mark.asyncio
@pytest.mark.parametrize("most", [1, 3, 100])
async def test_each_record_comes_once_and_the_newest_first_over_files_streams_and_processes(
    tmp_path: Path, clock: SteppingClock, heavy: HeavyWorkers, most: int
) -> None:
    """Two processes of one parent, one of which was started again, and what was written before there were two."""
    before = Log(tmp_path, clock, "alone")
    before.write(0, 1)
    before.file.close()
    one, two = Log(tmp_path / "r-1", clock), Log(tmp_path / "r-2", clock)
    for number in range(2, 20, 2):
        one.write(number)
        two.write(number + 1)
        if number % 6 == 0:
            one.close_segment()
    one.file.directory.close()  # killed
    again = Log(tmp_path / "r-1", clock, "s2")
    again.write(20)
    two.write(21)
    assert any(path.name.endswith(".zst") for path in segments_in(tmp_path / "r-1", "*"))
    assert await all_of(history(again, heavy, tmp_path), CALLS, most) == list(range(21, -1, -1))


@pytest.mark.asyncio
async def test_what_comes_while_somebody_turns_the_pages_changes_nothing(tmp_path: Path, clock: SteppingClock, heavy: HeavyWorkers) -> None:
    log = Log(tmp_path, clock)
    log.write(*range(6))
    looked = history(log, heavy, tmp_path)
    first = await looked.look(ACCOUNT, CALLS, most=2, place="")
    log.write(6)
    log.close_segment()
    log.write(7)
    second = await looked.look(ACCOUNT, CALLS, most=100, place=first.place)
    assert [each["requestID"] for each in (*first.records, *second.records)] == ["5", "4", "3", "2", "1", "0"]
    assert second.place == ""


@pytest.mark.asyncio
async def test_only_what_is_durable_and_whole_is_told(tmp_path: Path, clock: SteppingClock, heavy: HeavyWorkers) -> None:
    one, two = Log(tmp_path / "r-1", clock), Log(tmp_path / "r-2", clock)
    one.write(0)
    two.write(1)
    for log, tail in ((one, orjson.dumps(record(8, userIdentity={"accountId": ACCOUNT})) + b"\n"), (two, b'{"eventName": "Encrypt", "a')):
        (path,) = segments_in(log.file.directory.path, "*")
        with path.open("ab") as file:
            file.write(tail)
    assert await all_of(history(one, heavy, tmp_path), CALLS) == [1, 0]


@pytest.mark.asyncio
async def test_another_accounts_records_and_what_does_not_fit_are_left_out(
    tmp_path: Path, clock: SteppingClock, heavy: HeavyWorkers
) -> None:
    log = Log(tmp_path, clock)
    log.write(0, 2, account=OTHER)
    log.write(1, 3)
    looked = history(log, heavy, tmp_path)
    assert await all_of(looked, CALLS) == [3, 1]
    assert await all_of(looked, Wanted(ACCOUNT.encode(), lambda found: found["requestID"] == "1")) == [1]
    assert await all_of(looked, Wanted(b"", is_call)) == [3, 1, 2, 0]


@pytest.mark.asyncio
async def test_a_period_is_found_in_a_long_log_without_reading_the_rest(
    tmp_path: Path, clock: SteppingClock, heavy: HeavyWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(tmp_path, clock)
    times = {}
    for number in range(40):
        times[number] = clock.now()
        log.write(number)
        clock.seconds += 600
        log.close_segment()
    opened = seen_opening(monkeypatch)
    looked = history(log, heavy, tmp_path)
    wanted = Wanted(ACCOUNT.encode(), is_call, since=times[10], until=times[12])
    assert await all_of(looked, wanted, most=100) == [12, 11, 10]
    assert len(opened) < 6, opened
    assert await all_of(looked, Wanted(ACCOUNT.encode(), is_call, since=times[38])) == [39, 38]
    assert await all_of(looked, Wanted(ACCOUNT.encode(), is_call, until=times[1])) == [1, 0]
    assert await all_of(looked, Wanted(ACCOUNT.encode(), is_call, until=datetime.fromisoformat("2020-01-01T00:00:00Z"))) == []


def seen_opening(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose lines are read."""
    opened: list[Path] = []

    def seen(path: Path, end: int, block_bytes: int) -> Iterator[PlacedLine]:
        opened.append(path)
        return lines_before(path, end, block_bytes)

    monkeypatch.setattr(audit_log_backwards, "lines_before", seen)
    return opened


@pytest.mark.asyncio
async def test_a_look_ends_when_it_has_read_enough_and_the_next_goes_on(
    tmp_path: Path, clock: SteppingClock, heavy: HeavyWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_history, "LOOK_RECORDS", 100)
    one, two = Log(tmp_path / "r-1", clock), Log(tmp_path / "r-2", clock)
    one.write(0)
    two.write(1)
    for log in (one, two):
        for number in range(100, 400):
            log.write(number, account=OTHER)
            clock.seconds -= 1  # all in one file
    found = await pages(history(one, heavy, tmp_path), CALLS)
    assert [number for page in found for number in page] == [1, 0]
    assert found[0] == [], "what lies between was more than one look reads"
    assert len(found) > 4
    assert len(found) >= 6, "each look reads so many at most"


@pytest.mark.asyncio
async def test_nothing_is_read_behind_what_is_too_old(
    tmp_path: Path, clock: SteppingClock, heavy: HeavyWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_history, "LOOK_FILES", 2)
    monkeypatch.setattr(audit_history, "LOOK_RECORDS", 10)
    log = Log(tmp_path, clock)
    log.write(*range(300))
    clock.seconds += 600
    since = clock.now()
    log.write(300)
    assert await pages(history(log, heavy, tmp_path), Wanted(ACCOUNT.encode(), is_call, since=since)) == [[300]]


@pytest.mark.asyncio
async def test_memory_does_not_depend_on_history(tmp_path: Path, clock: SteppingClock, heavy: HeavyWorkers) -> None:
    log = Log(tmp_path, clock)
    log.write(0)
    long = orjson.dumps(record(1, userIdentity={"accountId": OTHER}, padding="x" * 8000)) + b"\n"
    ended = sorted(segments_in(tmp_path, "*"))[0]
    log.file.close()
    with ended.open("ab") as file:
        file.write(long * 8000)  # 64 MB
    own = Log(tmp_path, clock, "s2")
    own.file.write([record(2, userIdentity={"accountId": ACCOUNT})])
    looked = history(own, heavy, tmp_path)
    tracemalloc.start()
    try:
        assert await all_of(looked, CALLS) == [2, 0]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 << 20


@pytest.mark.asyncio
async def test_files_that_are_damaged_or_gone_are_passed_over_and_counted(
    tmp_path: Path, clock: SteppingClock, heavy: HeavyWorkers
) -> None:
    log = Log(tmp_path, clock)
    for number in range(4):
        log.write(number)
        log.close_segment()
    _, second, third, _ = (path for path in segments_in(tmp_path, "*") if path.name.endswith(".zst"))
    looked = history(log, heavy, tmp_path)
    first = await looked.look(ACCOUNT, CALLS, most=1, place="")
    third.write_bytes(b"no zstd")
    second.unlink()
    rest = await looked.look(ACCOUNT, CALLS, most=10, place=first.place)
    assert [each["requestID"] for each in (*first.records, *rest.records)] == ["3", "0"]
    assert (first.unreadable, rest.unreadable, rest.place) == (0, 1, "")


@pytest.mark.asyncio
async def test_lines_that_are_no_records_are_passed_over(tmp_path: Path, clock: SteppingClock, heavy: HeavyWorkers) -> None:
    log = Log(tmp_path, clock)
    log.write(0)
    (path,) = segments_in(tmp_path, "*")
    log.file.close()
    with path.open("ab") as file:
        file.write(ACCOUNT.encode() + b"x" * 2_000_000 + b"\n\n[]\n" + ACCOUNT.encode() + b'\n{"a": "' + ACCOUNT.encode() + b'"}\n')
    own = Log(tmp_path, clock, "s2")
    own.write(1)
    assert await all_of(history(own, heavy, tmp_path), CALLS) == [1, 0]


@pytest.mark.asyncio
async def test_logs_of_other_replicas_are_seen_where_the_settings_say_where_they_lie(
    tmp_path: Path, clock: SteppingClock, heavy: HeavyWorkers
) -> None:
    """The own one is there too, and counts once; a link to another Region's log does not count."""
    own, other = Log(tmp_path / "r" / "log", clock), Log(tmp_path / "q" / "log", clock)
    foreign = Log(tmp_path.parent / f"{tmp_path.name}-foreign" / "log", clock)
    os.symlink(foreign.file.directory.path.parent, tmp_path / "p")
    own.write(0)
    other.write(1)
    foreign.write(2)
    assert await all_of(history(own, heavy, tmp_path / "r" / "log", tmp_path), CALLS, most=1) == [1, 0]
    assert await all_of(history(own, heavy, tmp_path / "r" / "log"), CALLS, most=1) == [0]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "place", ["x", "[]", "{}", '{"r/.": 1}', '{"r/.": ["../../etc/passwd", 1]}', '{"r/.": ["a", 1]}', '{"q/.": ["NAME", 1]}']
)
async def test_a_place_that_says_nothing_here_is_refused(tmp_path: Path, clock: SteppingClock, heavy: HeavyWorkers, place: str) -> None:
    log = Log(tmp_path, clock)
    name = segments_in(tmp_path, "*")[0].name
    with pytest.raises(InvalidMarkerException):
        await history(log, heavy, tmp_path).look(ACCOUNT, CALLS, most=1, place=place.replace("NAME", name))


@pytest.mark.asyncio
async def test_looks_are_few_at_once_and_one_account_leaves_room_for_another(
    tmp_path: Path, clock: SteppingClock, heavy: HeavyWorkers
) -> None:
    log = Log(tmp_path, clock)
    log.write(0)
    looked = history(log, heavy, tmp_path)
    flood = [asyncio.ensure_future(looked.look(ACCOUNT, CALLS, most=1, place="")) for _ in range(50)]
    await asyncio.sleep(0)
    other = await looked.look(OTHER, CALLS, most=1, place="")
    assert len(other.records) == 1
    outcomes = await asyncio.gather(*flood, return_exceptions=True)
    assert sum(isinstance(each, ThrottlingException) for each in outcomes) > 40
