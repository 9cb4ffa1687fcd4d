"""Closed segments are compressed, and whoever reads the log reads them as before."""

from __future__ import annotations

import asyncio
import threading
import time
import tracemalloc
from hashlib import sha256
from pathlib import Path

import orjson
import pytest
import zstandard
from tests.audit_logs import Keyholder, SteppingClock, Told, nobody, open_file, open_stream, record, records_in

from meridian.adapters import audit_compression
from meridian.adapters.audit_compression import CompressedSegments
from meridian.adapters.audit_file import SegmentRules
from meridian.adapters.audit_retention import KeepRules
from meridian.audit.beyond_heads import changes_beyond
from meridian.audit.findings import Verdict
from meridian.audit.segments import DamagedSegmentError, lines_of, open_segment, segments_in
from meridian.audit.verify import Expected, verify_directory
from meridian.audit.written_since import events_since
from meridian.authorization.language.entities import Surroundings
from meridian.policy_kit.audit_log import AuditLog

RULES = SegmentRules(bytes=5000, seconds=60.0, reserve_bytes=0)


def wait_until_compressed(directory: Path, plain: int) -> None:
    until = time.monotonic() + 20
    while len(list(directory.glob("*.jsonl"))) > plain or list(directory.glob(".*.partial")):
        assert time.monotonic() < until, "not compressed in time"
        time.sleep(0.01)


def write_log(directory: Path, keyholder: Keyholder, name: str = "s1", records: int = 60) -> list[OSError]:
    """A stream whose closed segments are compressed; it ends without a StreamClose."""
    faults: list[OSError] = []
    file = open_file(directory, name, keyholder=keyholder, rules=RULES)
    file.hand_closed_to(CompressedSegments(RULES.reserve_bytes, faults.append), KeepRules(0, 0), nobody)
    for number in range(records):
        file.write([record(number, eventID=f"{name}-{number}", padding="x" * 200)])
    wait_until_compressed(directory, plain=1 + sum(f"-{name}-" not in path.name for path in directory.glob("*.jsonl")))
    file.close()
    return faults


def test_closed_segments_are_compressed_and_verified_and_read_as_before(tmp_path: Path) -> None:
    keyholder = Keyholder()
    assert write_log(tmp_path, keyholder) == []
    assert len(list(tmp_path.glob("*.jsonl.zst"))) >= 2
    report = verify_directory(tmp_path, Expected(keyholder.keys))
    assert report.findings == []
    assert report.streams[0].signed == report.streams[0].records == 62
    assert [r["requestID"] for r in records_in(tmp_path) if r["eventName"] == "Encrypt"] == [str(n) for n in range(60)]
    assert AuditLog.read([tmp_path], Surroundings(org_units={}, region_labels={})).records == []
    assert events_since(tmp_path, "s1", 3, ["s1-1", "s1-2", "s1-3", "s1-59"]) == {"s1-3", "s1-59"}


def test_the_next_stream_follows_on_a_compressed_one(tmp_path: Path) -> None:
    keyholder, clock = Keyholder(), SteppingClock()
    file = open_file(tmp_path, keyholder=keyholder, rules=RULES, clock=clock)
    file.hand_closed_to(CompressedSegments(0, lambda fault: None), KeepRules(0, 0), nobody)
    file.write([record(1)])
    clock.seconds += 61
    file.tick(0)
    wait_until_compressed(tmp_path, plain=0)
    file.directory.close()  # killed
    open_file(tmp_path, "s2", keyholder=keyholder).close()
    report = verify_directory(tmp_path, Expected(keyholder.keys))
    assert report.findings == []
    assert report.streams[-1].previous_stream == "s1"


@pytest.mark.parametrize("at", [0, 20, 60, -1])
def test_a_byte_changed_in_a_compressed_segment_is_tampering(tmp_path: Path, at: int) -> None:
    keyholder = Keyholder()
    write_log(tmp_path, keyholder)
    path = sorted(tmp_path.glob("*.zst"))[1]
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    report = verify_directory(tmp_path, Expected(keyholder.keys))
    assert Verdict.TAMPERED in {finding.verdict for finding in report.findings}
    with pytest.raises(DamagedSegmentError):
        list(lines_of(path))


def test_a_compressed_segment_that_holds_something_else_is_tampering(tmp_path: Path) -> None:
    keyholder = Keyholder()
    write_log(tmp_path, keyholder)
    path = sorted(tmp_path.glob("*.zst"))[1]
    with open_segment(path) as file:
        changed = file.read().replace(b"Encrypt", b"Decrypt", 1)
    path.write_bytes(zstandard.compress(changed))
    assert verify_directory(tmp_path, Expected(keyholder.keys)).verdict is Verdict.TAMPERED


@pytest.mark.parametrize("kept", [0, 3, 17, 0.5, 0.9, -50, -5])
def test_a_compressed_segment_that_is_cut_short_is_damaged_wherever_it_is_read(tmp_path: Path, kept: float) -> None:
    keyholder = Keyholder()
    write_log(tmp_path, keyholder)
    path = sorted(tmp_path.glob("*.zst"))[1]
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if 0 < kept < 1 else int(kept)])
    assert verify_directory(tmp_path, Expected(keyholder.keys)).verdict is Verdict.TAMPERED
    with pytest.raises(DamagedSegmentError, match=path.name):
        list(lines_of(path))
    with pytest.raises(DamagedSegmentError, match=path.name):
        changes_beyond(tmp_path, {})


def test_what_claims_to_be_gigabytes_takes_little_memory(tmp_path: Path) -> None:

    keyholder = Keyholder()
    write_log(tmp_path, keyholder)
    path = sorted(tmp_path.glob("*.zst"))[1]
    compressor = zstandard.ZstdCompressor(level=1).compressobj()
    path.write_bytes(b"".join(compressor.compress(bytes(1 << 24)) for _ in range(64)) + compressor.flush())
    tracemalloc.start()
    report = verify_directory(tmp_path, Expected(keyholder.keys))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report.verdict is Verdict.TAMPERED
    assert peak < 1 << 25


def test_a_long_segment_is_compressed_within_a_small_window(tmp_path: Path) -> None:
    """Which is what who compresses it and who reads it hold in memory."""
    faults: list[OSError] = []
    content = b"".join(orjson.dumps(record(number, padding="x" * 200)) for number in range(8_000))
    plain = tmp_path / "segment.jsonl"
    plain.write_bytes(content)
    closed = CompressedSegments(0, faults.append)
    closed.add(plain, sha256(content).hexdigest())
    wait_until_compressed(tmp_path, plain=0)
    closed.stop()
    assert faults == []
    (path,) = tmp_path.glob("*.zst")
    assert zstandard.get_frame_parameters(path.read_bytes()).window_size <= 1 << 18 < len(content)


def test_what_was_signed_and_is_not_what_lies_there_stays_as_it_is(tmp_path: Path) -> None:
    file = open_file(tmp_path, rules=RULES)
    faults: list[OSError] = []
    closed = CompressedSegments(0, faults.append)
    (plain,) = segments_in(tmp_path, "*")
    closed.add(plain, "0" * 64)
    until = time.monotonic() + 20
    while not faults and time.monotonic() < until:
        time.sleep(0.01)
    assert "not what was signed" in str(faults[0])
    assert [path.name for path in tmp_path.glob("*.jsonl*")] == [plain.name]
    file.close()


def test_below_the_reserve_nothing_is_compressed(tmp_path: Path) -> None:
    file = open_file(tmp_path, rules=RULES)
    faults: list[OSError] = []
    closed = CompressedSegments(1 << 62, faults.append)
    closed.add(segments_in(tmp_path, "*")[0], "0" * 64)
    until = time.monotonic() + 20
    while not faults and time.monotonic() < until:
        time.sleep(0.01)
    assert "no space" in str(faults[0])
    assert not list(tmp_path.glob("*.zst"))
    closed.stop()
    file.close()


def test_a_start_removes_what_was_not_finished(tmp_path: Path) -> None:
    keyholder = Keyholder()
    file = open_file(tmp_path, keyholder=keyholder)
    file.directory.close()  # killed between the two names of one segment, and while it wrote another
    (plain,) = segments_in(tmp_path, "*")
    (tmp_path / f"{plain.name}.zst").write_bytes(b"half")
    (tmp_path / f".{plain.name}.zst.partial").write_bytes(b"half")
    assert segments_in(tmp_path, "*") == [plain]
    open_file(tmp_path, "s2", keyholder=keyholder).close()
    assert not [*tmp_path.glob("*.zst"), *tmp_path.glob(".*.partial")]
    assert verify_directory(tmp_path, Expected(keyholder.keys)).findings == []


def test_a_process_that_ends_leaves_a_segment_plain_that_was_not_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_compression, "CHUNK_BYTES", 1)
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"x" * (1 << 22))
    closed = CompressedSegments(0, lambda fault: None)
    closed.add(path, "0" * 64)
    closed.stop()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["x.jsonl"]


@pytest.mark.asyncio
async def test_nobody_waits_for_compression_and_its_faults_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    goes_on = threading.Event()

    def hang(*_: object) -> None:
        goes_on.wait(20)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(CompressedSegments, "_compress", hang)
    stream = open_stream(open_file(tmp_path, rules=RULES), sink_timeout_seconds=5)
    stream.compress_closed(0, KeepRules(0, 0), nobody)
    told: Told = stream._events  # type: ignore[assignment]  # what `open_stream` gave it
    for number in range(60):
        await stream.append(record(number, padding="x" * 200))
    assert len(segments_in(tmp_path, "*")) > 2
    goes_on.set()
    while not told.events:
        await asyncio.sleep(0.01)
    assert told.events[0] == ("AuditLogFault", {"subject": "compression", "fault": "Input/output error"})
    await stream.close()
    assert records_in(tmp_path)[-1]["eventName"] == "StreamClose"
