"""What lies on the disk of the audit log, in the files that a Region's own writer makes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
import zstandard
from tests.audit_logs import RULES, Keyholder, SteppingClock, open_file, record

from meridian.adapters import audit_files_look
from meridian.adapters.audit_file import SegmentRules
from meridian.adapters.audit_files_look import KEPT_SECONDS, LookedAtFiles, look_at
from meridian.audit.segments import compressed_path, segments_in
from meridian.ports.audit_files import FilesSeen

T = TypeVar("T")
NOW = SteppingClock().now()


def look(directory: Path, *streams: str) -> FilesSeen:
    return look_at(lambda: {"own": directory}, frozenset(streams), NOW)


def compress(path: Path) -> None:
    compressed_path(path).write_bytes(zstandard.ZstdCompressor().compress(path.read_bytes()))
    path.unlink()


def test_segments_bytes_and_the_last_digest_of_each_stream(tmp_path: Path) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    file = open_file(tmp_path, keyholder=keyholder, clock=clock, rules=SegmentRules(64 * 1024, RULES.seconds, 0))
    for number in range(3):
        file.write([record(each, padding="x" * 900) for each in range(70)])
        clock.seconds += 10 + number
    seen = look(tmp_path, "s1", "of-another-process")
    (told,) = seen.streams.values()
    segments = segments_in(tmp_path, "*")
    assert told.segments == len(segments) == 4
    assert told.bytes == sum(min(each.stat().st_size, each.stat().st_blocks * 512) for each in segments)
    assert told.last_record_at is not None
    assert (told.last_record_at, seen.is_whole, seen.looked_at) == (NOW, True, NOW)
    assert told.last_digest is not None
    assert told.last_digest.fingerprint == keyholder.signer.key.fingerprint
    assert (told.last_digest.records, told.last_digest.signed_at) == (141, NOW + timedelta(seconds=21))
    file.close()
    closed = look(tmp_path, "s1").streams["s1"]
    assert closed.last_digest is not None
    assert (closed.last_digest.records, closed.last_record_at) == (212, NOW + timedelta(seconds=33))


def test_the_last_record_of_a_compressed_segment_is_what_its_digest_says(tmp_path: Path) -> None:
    clock = SteppingClock()
    file = open_file(tmp_path, clock=clock)
    file.write([record(1)])
    for _ in range(3):  # the first closes the segment; the others sign intervals without records
        clock.seconds += RULES.seconds
        file.tick(0)
    (segment,) = segments_in(tmp_path, "*")
    before = look(tmp_path, "s1").streams["s1"]
    compress(segment)
    after = look(tmp_path, "s1").streams["s1"]
    assert before.last_record_at == after.last_record_at == NOW
    assert (before.segments, after.segments) == (1, 1)
    assert before.last_digest == after.last_digest
    segment.write_bytes(b"")  # as while it is being compressed: it lies there twice, and counts once
    assert look(tmp_path, "s1").streams["s1"].segments == 1


def test_what_is_no_file_of_the_log_and_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    file = open_file(tmp_path)
    (own,) = segments_in(tmp_path, "*")
    (tmp_path / f"{own.name.removesuffix('1.jsonl')}2.jsonl").symlink_to(own)
    (tmp_path / "notes.txt").write_text("x")
    (digest,) = tmp_path.glob("*.digest")
    (tmp_path / f"{digest.name.removesuffix('0.digest')}1.digest").write_bytes(b"nothing\n")
    told = look(tmp_path, "s1").streams["s1"]
    assert told.segments == 1
    assert told.last_digest is not None
    assert told.last_digest.records == 1
    assert look(tmp_path / "gone", "s1").streams == {}
    file.close()


def test_a_directory_with_too_many_files_is_not_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_file(tmp_path).close()
    assert look(tmp_path, "s1").is_whole
    monkeypatch.setattr(audit_files_look, "ENTRIES_MAX", 2)
    assert not look(tmp_path, "s1").is_whole


def test_where_directories_cannot_be_listed_nothing_is_seen_and_that_is_said() -> None:
    def refused() -> dict[str, Path]:
        raise PermissionError("no")

    seen = look_at(refused, frozenset({"s1"}), NOW)
    assert (seen.streams, seen.is_whole) == ({}, False)


@pytest.mark.asyncio
async def test_one_look_is_told_to_all_who_ask_within_some_seconds(tmp_path: Path) -> None:
    class Heavy:
        done = 0

        async def run(self, account: str, work: Callable[[], T]) -> T:
            self.done += 1
            return work()

    open_file(tmp_path).close()
    clock, heavy = SteppingClock(), Heavy()
    files = LookedAtFiles(lambda: {"own": tmp_path}, heavy, clock)
    wanted = frozenset({"s1"})
    first = await files.look("1", wanted)
    clock.seconds += KEPT_SECONDS - 1
    assert (await files.look("2", wanted), heavy.done) == (first, 1)
    await files.look("2", wanted | {"s2"})
    assert heavy.done == 2
    clock.seconds += KEPT_SECONDS
    await files.look("2", wanted | {"s2"})
    assert heavy.done == 3
