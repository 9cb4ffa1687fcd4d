"""Whoever writes an audit directory in which old files are let go does not choose what the Region signs as ended, nor what goes.

He plants files, changes their times, sets the clock; he has no audit key and no database. What he plants stays, is told, holds up nothing,
and is found by `verify`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.audit_logs import Keyholder, SteppingClock, record
from tests.contract.test_audit_retention import DAY, answer, begin, write

from meridian.adapters.audit_file import AuditFile
from meridian.adapters.audit_retention import KeepRules
from meridian.audit.against_database import Evidence, verify_against
from meridian.audit.digest import read_digest
from meridian.audit.ended import Ended
from meridian.audit.findings import Report, Verdict
from meridian.audit.segments import lines_of
from meridian.audit.stream_files import digests_in, segments_in
from meridian.ports.store.audit_streams import KeyTrace, StreamHead, StreamRow

YEAR = 365 * DAY
LAST_HASH = "0" * 64
SEVERAL = 5
"""Records of a segment between two of one: where it begins a digest says how the stream stands, and in it none does."""


class SetClock(SteppingClock):
    """A wall clock that can be set, beside a monotonic one that cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.set_seconds = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.set_seconds)


@dataclass
class Log:
    """A stream that ended ten days ago, and one that is being written."""

    directory: Path
    keyholder: Keyholder
    clock: SetClock
    file: AuditFile
    first: StreamHead
    told: list[str] = field(default_factory=list)

    def of(self, stream: str) -> list[Path]:
        return [path for path in segments_in(self.directory) if f"-{stream}-" in path.name]

    def ended(self) -> list[Ended]:
        return [each for path in digests_in(self.directory) for each in read_digest(path).kept.ended]

    def go_on(self, segments: int = 4) -> None:
        before = len(digests_in(self.directory))
        write(self.file, self.clock, segments, 61)
        assert len(digests_in(self.directory)) >= before + segments, "digests go on"

    def compared(self, keys: Sequence[KeyTrace] = ()) -> Report:
        rows = (StreamRow(1, "r", self.clock.now(), self.first, True), StreamRow(2, "r", self.clock.now(), self.file.head, False))
        return verify_against([self.directory], Evidence(rows, {}, tuple(keys), {}, self.clock.now(), 0), self.keyholder.keys)[0]


def log_of(directory: Path, rules: KeepRules) -> Log:
    keyholder, clock = Keyholder(), SetClock()
    first = begin(directory, "s1", keyholder, clock, KeepRules(0, 0))
    write(first, clock, 1, 61)
    first.write([record(number) for number in range(SEVERAL)])
    write(first, clock, 2, 61)
    first.close()
    clock.seconds += 10 * DAY
    file = begin(directory, "s2", keyholder, clock, rules)
    made = Log(directory, keyholder, clock, file, first.head)
    file.retention.on_fault = lambda fault: made.told.append(str(fault.strerror))
    write(file, clock, 3, 61)
    return made


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return log_of(tmp_path / "log", KeepRules(YEAR, 0))


def planted(log: Log, name: str = "20200101T000000.000000Z-zz-00000001.jsonl", content: bytes = b"") -> Path:
    path = log.directory / name
    path.write_bytes(content)
    os.utime(path, times=(1, 1))
    return path


def claim(stream: str, sequence: Any, when: Any = "2098-01-01T00:00:00Z") -> bytes:
    inner = {"stream": stream, "seq": sequence, "prevHash": LAST_HASH}
    return json.dumps({"eventName": "x", "eventTime": when, "meridian": inner}).encode() + b"\n"


def forged(sequence: int, stream: str) -> bytes:
    told = {"eventName": "ScheduleKeyDeletion", "eventTime": "2026-01-02T03:05:00Z", "eventID": f"forged{sequence}", "resources": []}
    return json.dumps(told | {"meridian": {"stream": stream, "seq": sequence, "prevHash": LAST_HASH}}).encode() + b"\n"


# ---- what is planted is not signed


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("zz", claim("s2", 10**9)),
        ("zz", claim("s1", 10**9)),
        ("zz", claim("zz", 1)),
        ("zz", claim("zz", "x")),
        ("zz", claim("zz", 1, "9999-12-31T23:59:59Z")),
        ("s1", claim("s1", 10**9)),
        ("s1", claim("s2", 10**9)),
        ("zz", b"{}\n"),
        ("zz", b"rubbish\n"),
        ("zz", b""),
        ("zz", b"[" * 10_000 + b"\n"),
    ],
)
@pytest.mark.parametrize("is_beside_others", [True, False])
def test_a_planted_file_ends_nothing_holds_up_nothing_and_is_found(log: Log, is_beside_others: bool, name: str, content: bytes) -> None:
    stamp = log.of("s1")[0].name.split("-")[0] if is_beside_others else "29990101T000000.000000Z"
    path = planted(log, f"{stamp}-{name}-00000099.jsonl", content)
    log.clock.seconds += YEAR - 5 * DAY if name == "s1" else 0
    log.file.retention._others = None  # as at a start: what is planted later is not looked at
    log.go_on()
    assert path.exists()
    assert log.ended() == []
    assert any(f"stream {name} is kept" in text for text in log.told), log.told
    report = log.compared()
    assert report.verdict in (Verdict.TAMPERED, Verdict.INCOMPLETE) or content == b"", report.findings


def test_nothing_of_the_running_stream_is_forged_by_a_planted_claim(log: Log) -> None:
    planted(log, content=claim("s2", 10**9))
    log.file.retention._others = None
    log.go_on()
    unseen = KeyTrace("111122223333", "k", "arn:aws:kms:eu-1:111122223333:key/k", log.clock.now(), False)
    name = log.of("s2")[1].name.removesuffix(".zst")
    for path in log.of("s2"):
        path.unlink()
    (log.directory / name).write_bytes(b"".join(forged(sequence, "s2") for sequence in range(7, 12)))
    report = log.compared([unseen])
    assert report.verdict is Verdict.TAMPERED
    assert any("no record of the creation" in each.text for each in report.findings)


def test_a_copy_of_a_true_line_under_another_name_ends_nothing(log: Log) -> None:
    planted(log, content=list(lines_of(log.of("s1")[-1]))[-1])
    log.file.retention._others = None
    log.go_on()
    assert log.ended() == []
    for path in log.of("s1"):
        path.unlink()
    assert log.compared().verdict is not Verdict.CLEAN
    assert any("s1" in each.text and "missing" in each.text for each in log.compared().findings)


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to(path)], ids=["folder", "link to itself"])
def test_what_is_no_file_holds_up_nothing(log: Log, make: Callable[[Path], None]) -> None:
    make(log.directory / "20200101T000000.000000Z-zz-00000001.jsonl")
    log.file.retention._others = None
    log.go_on()


def test_a_planted_file_beside_does_not_keep_others_from_going(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log", KeepRules(5 * DAY, 0))
    for number in range(20):
        planted(log, f"20200101T000000.000000Z-z{number}-00000001.jsonl", b"{}\n")
    log.file.retention._others = None
    log.go_on()
    assert log.of("s1") == []
    assert {each.stream for each in log.ended()} == {"s1"}


# ---- the age of records is not that of files, nor by a clock that was set


def test_the_times_of_files_decide_nothing(log: Log) -> None:
    for path in segments_in(log.directory):
        os.utime(path, times=(1, 1))
    log.file.retention._others = None
    log.go_on()
    assert log.ended() == []


@pytest.mark.parametrize("segments", [1, 5])
def test_a_clock_that_jumps_ahead_and_back_ends_nothing(log: Log, segments: int) -> None:
    log.clock.set_seconds = 2 * YEAR
    log.go_on(segments)
    log.clock.set_seconds = 0
    log.go_on()
    assert log.ended() == []


def test_nothing_is_ended_by_a_clock_that_is_not_the_database_s(log: Log) -> None:
    """Also not from the start on."""
    log.file.close()
    log.clock.set_seconds = 2 * YEAR
    file = begin(log.directory, "s3", log.keyholder, log.clock, KeepRules(YEAR, 0))
    for number in range(5):
        file.write([record(number)])
        log.clock.seconds += 61
        answer(file, log.clock, apart_seconds=-2 * YEAR)
        file.tick(0)
    assert log.ended() == []
    write(file, log.clock, 3, 61)  # the same, had the database said so
    assert log.ended() != []


def test_nothing_is_ended_while_the_database_is_away(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log", KeepRules(YEAR, 0))
    log.clock.seconds += 2 * YEAR
    for number in range(5):
        log.file.write([record(number)])
        log.clock.seconds += 61
        log.file.tick(0)
    assert log.ended() == []
    log.go_on()
    assert log.ended() != []


@pytest.mark.parametrize("number", [2, 50])
def test_a_hole_in_a_file_is_no_reason_to_keep_less(tmp_path: Path, number: int) -> None:
    log = log_of(tmp_path / "log", KeepRules(0, 10_000_000))
    stem = log.of("s1")[0].name.rsplit("-", 1)[0]
    for name in ("20200101T000000.000000Z-zz-00000050.jsonl", f"{stem}-{number:08d}.jsonl"):
        os.truncate(planted(log, name), 1 << 40)
    log.file.retention._others = None
    log.go_on()
    assert log.ended() == []


def test_a_stream_that_is_kept_is_no_reason_to_keep_less_of_others(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log", KeepRules(0, 100_000))
    planted(log, f"{log.of('s1')[0].name.rsplit('-', 1)[0]}-00000050.jsonl", b"x" * 1_000_000)
    log.file.retention._others = None
    log.go_on()
    assert log.ended() == []
