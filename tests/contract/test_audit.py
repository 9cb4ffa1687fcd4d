"""What an audit stream promises."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from meridian.adapters.audit_file import AuditFile, streams_in
from meridian.adapters.audit_stream import FileAuditStream
from meridian.adapters.audit_verify import Verdict, verify_directory, verify_stream
from meridian.adapters.clock_system import SystemClock
from meridian.errors import DependencyTimeoutException

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def record(number: int) -> dict[str, Any]:
    return {"eventName": "Encrypt", "requestID": str(number), "meridian": {}}


def open_file(directory: Path, stream: str = "s1", second: int = 0) -> AuditFile:
    return AuditFile.open(directory, stream=stream, now=NOW.replace(second=second), reserve_bytes=0, names={"replica": "r"})


def numbers(path: Path) -> list[str]:
    return [r["requestID"] for r in map(orjson.loads, path.read_bytes().splitlines()) if r["eventName"] == "Encrypt"]


@pytest.mark.asyncio
async def test_an_appended_record_is_in_the_file_when_append_returns(tmp_path: Path) -> None:
    stream = FileAuditStream(open_file(tmp_path), SystemClock())
    for n in range(3):
        await stream.append(record(n))
        assert numbers(streams_in(tmp_path)[0])[-1] == str(n)
    await stream.close()
    report = verify_directory(tmp_path)
    assert report.verdict is Verdict.CLEAN
    assert report.streams[0].closed
    assert report.streams[0].records == 5


@pytest.mark.asyncio
async def test_many_at_once_share_their_syncs_and_keep_their_order(tmp_path: Path) -> None:
    stream = FileAuditStream(open_file(tmp_path), SystemClock())
    before = stream.syncs
    for _ in range(20):
        await asyncio.gather(*[stream.append(record(n)) for n in range(16)])
    assert stream.records == 321
    assert (stream.syncs - before) / 320 <= 0.2
    await stream.close()
    assert numbers(streams_in(tmp_path)[0]) == [str(n) for n in range(16)] * 20


@pytest.mark.asyncio
async def test_a_batch_is_no_larger_than_max_batch(tmp_path: Path) -> None:
    for number, (max_batch, syncs) in enumerate(((2, range(8, 17)), (16, range(1, 8)))):
        stream = FileAuditStream(open_file(tmp_path / str(number)), SystemClock(), max_batch=max_batch)
        before = stream.syncs
        await asyncio.gather(*[stream.append(record(n)) for n in range(16)])
        assert stream.syncs - before in syncs
        await stream.close()


@pytest.mark.asyncio
async def test_a_lone_caller_is_never_delayed_by_a_timer(tmp_path: Path) -> None:
    stream = FileAuditStream(open_file(tmp_path), SystemClock(), max_wait_seconds=3600)
    for n in range(20):
        await asyncio.wait_for(stream.append(record(n)), 30)
    await stream.close()


@pytest.mark.asyncio
async def test_a_caller_who_leaves_takes_nobody_along_and_his_record_is_written(tmp_path: Path) -> None:
    stream = FileAuditStream(open_file(tmp_path), SystemClock())
    tasks = [asyncio.create_task(stream.append(record(n))) for n in range(8)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(d, asyncio.CancelledError) for d in done] == [n == 3 for n in range(8)]
    await stream.close()
    assert numbers(streams_in(tmp_path)[0]) == [str(n) for n in range(8)]


@pytest.mark.asyncio
async def test_after_close_nothing_is_accepted(tmp_path: Path) -> None:
    stream = FileAuditStream(open_file(tmp_path), SystemClock())
    await stream.close()
    with pytest.raises(DependencyTimeoutException):
        await stream.append(record(1))


@pytest.mark.asyncio
async def test_a_slow_sink_fails_its_callers(tmp_path: Path) -> None:
    file = open_file(tmp_path)
    write = file.write_batch

    def slow(batch: Any) -> None:
        import time

        time.sleep(0.5)
        write(batch)

    file.write_batch = slow  # type: ignore[method-assign]  # a disk that hangs cannot be had here
    stream = FileAuditStream(file, SystemClock(), sink_timeout_seconds=0.05)
    with pytest.raises(DependencyTimeoutException):
        await stream.append(record(1))
    await stream.close()


def run_child(program: str, directory: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", program, str(directory)], capture_output=True, timeout=60, check=False, env=os.environ)


COMMON = """
import asyncio, os, resource, signal, sys
from datetime import datetime, UTC
from pathlib import Path
from meridian.adapters.audit_file import AuditFile
from meridian.adapters.audit_stream import FileAuditStream
from meridian.adapters.clock_system import SystemClock
from meridian.errors import DependencyTimeoutException
def record(n): return {"eventName": "Encrypt", "requestID": str(n), "meridian": {}}
def opened(): return AuditFile.open(Path(sys.argv[1]), stream="s1", now=datetime(2026,1,1,tzinfo=UTC), reserve_bytes=0, names={})
"""


def test_a_full_disk_refuses_and_recovers_without_losing_the_chain(tmp_path: Path) -> None:
    program = (
        COMMON
        + """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
async def main():
    stream = FileAuditStream(opened(), SystemClock())
    await stream.append(record(0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (900, resource.RLIM_INFINITY))
    refused = 0
    for n in range(1, 30):
        try:
            await stream.append(record(n))
        except DependencyTimeoutException:
            refused += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await stream.append(record(99))
    await stream.close()
    print(refused)
asyncio.run(main())
"""
    )
    assert resource.RLIMIT_FSIZE is not None
    ended = run_child(program, tmp_path)
    assert ended.returncode == 0, ended.stderr
    refused = int(ended.stdout)
    written = numbers(streams_in(tmp_path)[0])
    assert refused > 20
    assert len(written) == 31 - refused
    assert written[-1] == "99"
    assert verify_directory(tmp_path).verdict is Verdict.CLEAN


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    program = (
        COMMON
        + """
async def main():
    stream = FileAuditStream(opened(), SystemClock())
    async def caller(start):
        for n in range(start, 100000, 4):
            await stream.append(record(n))
            print(n, flush=True)
            if n > 400: os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.gather(*[caller(n) for n in range(4)])
asyncio.run(main())
"""
    )
    ended = run_child(program, tmp_path)
    assert ended.returncode == -signal.SIGKILL
    acknowledged = set(ended.stdout.decode().split())
    assert len(acknowledged) > 100
    assert acknowledged <= set(numbers(streams_in(tmp_path)[0]))
    assert verify_stream(streams_in(tmp_path)[0]).verdict in (Verdict.CLEAN, Verdict.INCOMPLETE)


@pytest.mark.asyncio
async def test_a_torn_tail_is_cut_and_told(tmp_path: Path) -> None:
    first = FileAuditStream(open_file(tmp_path), SystemClock())
    await first.append(record(1))
    await first.close()
    path = streams_in(tmp_path)[0]
    path.write_bytes(path.read_bytes() + b'{"eventName":"torn')
    assert verify_directory(tmp_path).verdict is Verdict.TAMPERED or verify_stream(path).bad_line == 4
    second = FileAuditStream(open_file(tmp_path, "s2", 1), SystemClock())
    await second.close()
    opening = orjson.loads(streams_in(tmp_path)[1].read_bytes().splitlines()[0])
    assert opening["meridian"]["tornBytes"] == 18
    assert opening["meridian"]["previousStream"] == "s1"
    assert verify_directory(tmp_path).verdict is Verdict.CLEAN
