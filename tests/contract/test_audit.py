"""What an audit stream promises."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.audit_logs import Keyholder, open_file, open_stream, record

from meridian.audit.findings import Verdict
from meridian.audit.stream_files import segments_in as streams_in
from meridian.audit.verify import Expected, verify_directory
from meridian.errors import DependencyTimeoutException


def numbers(path: Path) -> list[str]:
    return [r["requestID"] for r in map(orjson.loads, path.read_bytes().splitlines()) if r["eventName"] == "Encrypt"]


@pytest.mark.asyncio
async def test_an_appended_record_is_in_the_file_when_append_returns(tmp_path: Path) -> None:
    stream = open_stream(open_file(tmp_path))
    for n in range(3):
        await stream.append(record(n))
        assert numbers(streams_in(tmp_path)[0])[-1] == str(n)
    await stream.close()
    report = verify_directory(tmp_path, Expected())
    assert report.verdict is Verdict.CLEAN
    assert report.streams[0].is_closed
    assert report.streams[0].records == 5


@pytest.mark.asyncio
async def test_many_at_once_share_their_syncs_and_keep_their_order(tmp_path: Path) -> None:
    stream = open_stream(open_file(tmp_path))
    before = stream.figures().syncs
    for _ in range(20):
        await asyncio.gather(*[stream.append(record(n)) for n in range(16)])
    assert stream.figures().records == 321
    assert (stream.figures().syncs - before) / 320 <= 0.2
    await stream.close()
    assert numbers(streams_in(tmp_path)[0]) == [str(n) for n in range(16)] * 20


@pytest.mark.asyncio
async def test_a_batch_is_no_larger_than_max_batch(tmp_path: Path) -> None:
    for number, (max_batch, syncs) in enumerate(((2, range(8, 17)), (16, range(1, 8)))):
        stream = open_stream(open_file(tmp_path / str(number)), max_batch=max_batch)
        before = stream.figures().syncs
        await asyncio.gather(*[stream.append(record(n)) for n in range(16)])
        assert stream.figures().syncs - before in syncs
        await stream.close()


@pytest.mark.asyncio
async def test_records_that_wait_together_are_in_the_file_in_their_order_also_where_they_are_more_than_a_batch(tmp_path: Path) -> None:
    for number, (max_batch, syncs) in enumerate(((16, 1), (3, 6))):
        folder = tmp_path / str(number)
        stream = open_stream(open_file(folder), max_batch=max_batch)
        before = stream.figures().syncs
        await stream.append(*[record(n) for n in range(16)])
        assert stream.figures().syncs - before == syncs
        assert numbers(streams_in(folder)[0])[-16:] == [str(n) for n in range(16)]
        await stream.close()


@pytest.mark.asyncio
async def test_records_that_wait_together_are_refused_together(tmp_path: Path) -> None:
    """Also where those before the last are refused alone."""
    file = open_file(tmp_path)
    stream, write, refusals = open_stream(file, max_batch=3), file.write_batch, [OSError(28, "no space")]

    def full_once(batch: Any, kept: int) -> None:
        if refusals:
            raise refusals.pop()
        write(batch, kept)

    file.write_batch = full_once  # type: ignore[method-assign]  # a disk that is full for a moment cannot be had here
    with pytest.raises(DependencyTimeoutException):
        await stream.append(*[record(n) for n in range(5)])
    await stream.append(*[record(n) for n in range(5, 7)])
    await stream.close()
    assert numbers(streams_in(tmp_path)[0])[-2:] == ["5", "6"]


@pytest.mark.asyncio
async def test_a_lone_caller_is_never_delayed_by_a_timer(tmp_path: Path) -> None:
    stream = open_stream(open_file(tmp_path), max_wait_seconds=3600)
    for n in range(20):
        await asyncio.wait_for(stream.append(record(n)), 30)
    await stream.close()


@pytest.mark.asyncio
async def test_a_caller_who_leaves_takes_nobody_along_and_his_record_is_written(tmp_path: Path) -> None:
    stream = open_stream(open_file(tmp_path))
    tasks = [asyncio.ensure_future(stream.append(record(n))) for n in range(8)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(d, asyncio.CancelledError) for d in done] == [n == 3 for n in range(8)]
    await stream.close()
    assert numbers(streams_in(tmp_path)[0]) == [str(n) for n in range(8)]


@pytest.mark.asyncio
async def test_after_close_nothing_is_accepted(tmp_path: Path) -> None:
    stream = open_stream(open_file(tmp_path))
    await stream.close()
    with pytest.raises(DependencyTimeoutException):
        await stream.append(record(1))


@pytest.mark.asyncio
async def test_a_slow_sink_fails_its_callers(tmp_path: Path) -> None:
    file = open_file(tmp_path)
    write = file.write_batch

    def slow(batch: Any, kept: int) -> None:
        import time

        time.sleep(0.5)
        write(batch, kept)

    file.write_batch = slow  # type: ignore[method-assign]  # a disk that hangs cannot be had here
    stream = open_stream(file, sink_timeout_seconds=0.05)
    with pytest.raises(DependencyTimeoutException):
        await stream.append(record(1))
    await stream.close()


@pytest.mark.asyncio
async def test_nobody_looks_after_a_sink_that_has_nothing_to_do(tmp_path: Path) -> None:
    """Ten looks a second would be a tenth of what an idle Region does."""
    stream = open_stream(open_file(tmp_path), sink_timeout_seconds=0.05)
    assert stream._watchdog is None
    await stream.append(record(1))
    watching = stream._watchdog
    assert watching is not None
    while stream._watchdog is not None:
        await asyncio.sleep(0.001)
    assert asyncio.get_running_loop().time() >= watching.when(), "it looked once more, and left it there"
    await stream.close()


ROOT = Path(__file__).parents[2]


def run_child(program: str, directory: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", program, str(directory)], capture_output=True, timeout=60, check=False, cwd=ROOT)


COMMON = """
import asyncio, os, resource, signal, sys
from pathlib import Path
from tests.audit_logs import open_file, open_stream, record
from meridian.errors import DependencyTimeoutException
def opened(): return open_file(Path(sys.argv[1]))
"""


def test_a_full_disk_refuses_and_recovers_without_losing_the_chain(tmp_path: Path) -> None:
    program = (
        COMMON
        + """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
async def main():
    stream = open_stream(opened())
    await stream.append(record(0))
    size = next(Path(sys.argv[1]).glob("*.jsonl")).stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 400, resource.RLIM_INFINITY))
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
    assert verify_directory(tmp_path, Expected()).verdict is Verdict.CLEAN


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    program = (
        COMMON
        + """
async def main():
    stream = open_stream(opened())
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
    assert verify_directory(tmp_path, Expected()).verdict in (Verdict.CLEAN, Verdict.INCOMPLETE)


@pytest.mark.asyncio
async def test_a_torn_tail_is_cut_and_told(tmp_path: Path) -> None:
    keyholder = Keyholder()
    first = open_stream(open_file(tmp_path, keyholder=keyholder))
    await first.append(record(1))
    await first.close()
    path = streams_in(tmp_path)[0]
    path.write_bytes(path.read_bytes() + b'{"eventName":"torn')
    assert [f.line for f in verify_directory(tmp_path, Expected()).findings] == [4]
    second = open_stream(open_file(tmp_path, "s2", keyholder=keyholder))
    await second.close()
    opening = orjson.loads(streams_in(tmp_path)[1].read_bytes().splitlines()[0])
    assert opening["meridian"]["tornBytes"] == 18
    assert opening["meridian"]["previousStream"] == "s1"
    assert verify_directory(tmp_path, Expected()).verdict is Verdict.CLEAN


@pytest.mark.asyncio
async def test_what_operators_see_of_a_stream_is_as_it_is(tmp_path: Path) -> None:
    stream = open_stream(open_file(tmp_path))
    begun = stream.figures()
    waiting = [asyncio.ensure_future(stream.append(record(n))) for n in range(4)]
    await asyncio.sleep(0)
    assert stream.figures().waiting == 4
    await asyncio.gather(*waiting)
    await stream.probe()
    now, disk = stream.figures(), os.statvfs(tmp_path)
    assert (now.waiting, now.records) == (0, begun.records + 4)
    assert now.free_bytes == pytest.approx(disk.f_bavail * disk.f_frsize, rel=0.2)
    assert now.digest_age >= begun.digest_age
    await stream.close()
