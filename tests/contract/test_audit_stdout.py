"""What the copy of the audit log on standard output promises."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
from tests.audit_logs import Keyholder, nobody, open_file, open_stream, record, records_in

from meridian.adapters import audit_reader, audit_stdout
from meridian.adapters.audit_compression import CompressedSegments
from meridian.adapters.audit_file import AuditFile, SegmentRules
from meridian.adapters.audit_reader import WrittenLog
from meridian.adapters.audit_retention import KeepRules
from meridian.adapters.audit_stdout import StdoutCopy
from meridian.adapters.clock_system import SystemClock
from meridian.audit import segments, written_order
from meridian.audit.segments import lines_of, open_to_follow, segments_in

RULES = SegmentRules(bytes=5000, seconds=60.0, reserve_bytes=0)


class Reader:
    """The other end of standard output, read when a test says so."""

    def __init__(self) -> None:
        self._input, self.output = os.pipe()
        self.data = b""
        self._thread: Thread | None = None

    def read(self) -> None:
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def has(self, number: int) -> bool:
        return f'"requestID":"{number}"'.encode() in self.data

    def _read(self) -> None:
        while data := os.read(self._input, 1 << 16):
            self.data += data

    def end(self) -> bytes:
        os.close(self.output)
        if self._thread is None:
            self.read()
        assert self._thread is not None
        self._thread.join(20)
        os.close(self._input)
        return self.data


@pytest.fixture
def reader() -> Reader:
    return Reader()


def wait_until(reached: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < until, "not reached in time"
        time.sleep(0.02)


def log_in(directory: Path) -> bytes:
    return b"".join(line for path in segments_in(directory, "*") for line in lines_of(path))


def copied(file: AuditFile, directory: Path, reader: Reader, faults: list[OSError]) -> StdoutCopy:
    return StdoutCopy(WrittenLog(directory, file.durable_end), reader.output, SystemClock(), faults.append)


def test_every_line_is_copied_once_over_segments_streams_and_compression(tmp_path: Path, reader: Reader) -> None:
    keyholder, faults = Keyholder(), list[OSError]()
    reader.read()
    for name in ("s1", "s2"):
        file = open_file(tmp_path, name, keyholder=keyholder, rules=RULES)
        file.hand_closed_to(CompressedSegments(0, faults.append), KeepRules(0, 0), nobody)
        copy = copied(file, tmp_path, reader, faults)
        for number in range(80):
            file.write([record(number, padding="x" * 200)])
            time.sleep(0.005)
        file.close()
        copy.stop()
    assert reader.end() == log_in(tmp_path)
    assert len(records_in(tmp_path)) == 2 * 82
    assert faults == []


def test_the_next_start_copies_what_a_killed_process_left(tmp_path: Path, reader: Reader) -> None:
    keyholder, faults = Keyholder(), list[OSError]()
    reader.read()
    file = open_file(tmp_path, "s1", keyholder=keyholder)
    copy = copied(file, tmp_path, reader, faults)
    file.write([record(1)])
    wait_until(lambda: b'"requestID":"1"' in reader.data)
    copy.stop()
    file.write([record(2)])
    file.directory.close()
    second = open_file(tmp_path, "s2", keyholder=keyholder)
    copy = copied(second, tmp_path, reader, faults)
    second.close()
    copy.stop()
    assert reader.end() == log_in(tmp_path)


@pytest.mark.asyncio
async def test_a_reader_that_stops_reading_holds_up_nobody_and_is_told(
    tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_stdout, "HANGS_SECONDS", 0.1)
    faults = list[OSError]()
    file = open_file(tmp_path)
    stream, copy = open_stream(file), copied(file, tmp_path, reader, faults)
    for number in range(100):  # more than a pipe holds
        await stream.append(record(number, padding="x" * 4000))
    wait_until(lambda: faults)
    assert "nobody reads" in str(faults[0])
    await stream.append(record(100))
    assert len(faults) == 1, "told once, until it goes on"
    reader.read()
    wait_until(lambda: b'"requestID":"100"' in reader.data)
    await stream.close()
    copy.stop()
    assert reader.end() == log_in(tmp_path)


def test_nothing_is_copied_that_is_not_durable(tmp_path: Path, reader: Reader) -> None:
    file, faults = open_file(tmp_path), list[OSError]()
    reader.read()
    copy = copied(file, tmp_path, reader, faults)
    (path,) = segments_in(tmp_path, "*")
    whole = path.read_bytes()
    with path.open("ab") as half:
        half.write(b'{"eventName":"never acknowledged"}\n')
    wait_until(lambda: reader.data == whole)
    time.sleep(0.5)
    copy.stop()
    assert reader.end() == whole
    file.directory.close()


def test_the_directory_is_not_listed_again_and_no_file_is_opened_while_nothing_is_new(
    tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_stdout, "LOOK_SECONDS", 0.01)
    file, faults = open_file(tmp_path, rules=RULES), list[OSError]()
    reader.read()
    copy = copied(file, tmp_path, reader, faults)
    listed, opened = list[str](), list[str]()
    monkeypatch.setattr(written_order, "runs_before", lambda *_: listed.append("runs"))
    monkeypatch.setattr(segments, "segments_in", lambda *_: listed.append("segments"))
    monkeypatch.setattr(audit_reader, "open_to_follow", lambda path: (opened.append(path.name), open_to_follow(path))[1])
    for method in ("glob", "iterdir"):
        monkeypatch.setattr(Path, method, lambda *_: listed.append("directory"))
    for method in ("scandir", "listdir"):
        monkeypatch.setattr(os, method, lambda *_: listed.append("directory"))
    wait_until(lambda: b"StreamOpen" in reader.data)
    for number in range(80):
        file.write([record(number, padding="x" * 200)])
        if number % 20 == 0:
            wait_until(partial(reader.has, number))
    wait_until(lambda: copy.segments_behind() == 0)
    written = len(opened)
    time.sleep(0.3)  # thirty looks
    assert opened[written:] == []
    monkeypatch.undo()
    names = [path.name for path in segments_in(tmp_path, "*")]
    assert len(names) > 2
    assert opened == names, "each once"
    assert listed == []
    file.close()
    copy.stop()
    assert reader.end() == log_in(tmp_path)
    assert faults == []


def test_what_a_failed_write_left_and_took_back_is_never_copied(tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file stays open between looks; what lay behind its durable end at one of them is not what lies there later."""
    monkeypatch.setattr(audit_stdout, "LOOK_SECONDS", 0.01)
    file, faults = open_file(tmp_path), list[OSError]()
    reader.read()
    copy = copied(file, tmp_path, reader, faults)
    (path,) = segments_in(tmp_path, "*")
    for number in range(20):
        with path.open("ab") as half:
            half.write(b'{"eventName":"never acknowledged"}\n' * 100)  # longer than a record
        file.write([record(number)])  # over it
        wait_until(partial(reader.has, number))
        with path.open("r+b") as cut:
            cut.truncate(file.durable_end().length)
    file.close()
    copy.stop()
    assert reader.end() == log_in(tmp_path)
    assert b"never acknowledged" not in reader.data
    assert faults == []


def test_a_damaged_segment_is_told_and_holds_up_the_copy_alone(tmp_path: Path, reader: Reader) -> None:
    keyholder, faults = Keyholder(), list[OSError]()
    file = open_file(tmp_path, "s1", keyholder=keyholder, rules=RULES)
    (tmp_path / audit_stdout.POSITION_FILE).write_bytes(b'{"segment": "%s", "length": 0}' % file.durable_end().segment.encode())
    file.close()
    (plain,) = segments_in(tmp_path, "*")
    plain.with_name(f"{plain.name}.zst").write_bytes(b"no zstd")
    plain.unlink()
    second = open_file(tmp_path, "s2", keyholder=keyholder)
    copy = copied(second, tmp_path, reader, faults)
    wait_until(lambda: faults)
    assert "cannot be decompressed" in str(faults[0])
    assert copy.segments_behind() == 2
    plain.with_name(f"{plain.name}.zst").unlink()
    reader.read()
    second.close()
    copy.stop()
    assert b'"stream":"s2"' in reader.end()
