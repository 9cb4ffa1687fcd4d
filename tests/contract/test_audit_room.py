"""Space that is set aside for the record of a change is there when the change is committed, whatever happens to the disk meanwhile."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.audit_logs import open_file, open_stream, record

from meridian.adapters.audit_segment import AuditDirectory
from meridian.audit.findings import Verdict
from meridian.audit.verify import Expected, verify_directory
from meridian.errors import DependencyTimeoutException


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a disk of a megabyte is mounted, and that takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


def fill(folder: Path) -> Path:
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (65536, 4096):
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                while True:
                    file.write(b"x" * size)
    return path


@pytest.mark.asyncio
async def test_a_committed_change_is_written_to_a_disk_that_filled_up_meanwhile(disk: Path) -> None:
    stream = open_stream(open_file(disk / "audit"), sink_timeout_seconds=10)
    await stream.reserve()
    filler = fill(disk)
    with pytest.raises(DependencyTimeoutException):
        for n in range(64):  # whoever promised nothing may use what is free, and nothing of what is set aside
            await stream.append(record(n, padding="x" * 4000))
    await stream.append_change(record(99, "CreateKey", padding="x" * 15_000, eventID="e"), is_promised=True)
    stream.release()
    with pytest.raises(DependencyTimeoutException):
        for _ in range(64):
            await stream.reserve()
    filler.unlink()
    await stream.append(record(100))
    await stream.close()
    assert verify_directory(disk / "audit", Expected()).verdict is Verdict.CLEAN


@pytest.mark.asyncio
async def test_a_refused_reservation_holds_nothing(disk: Path) -> None:
    stream = open_stream(open_file(disk / "audit"), sink_timeout_seconds=10)
    filler = fill(disk)
    held = 0
    with pytest.raises(DependencyTimeoutException):
        for _ in range(1000):
            await stream.reserve()
            held += 1
    for _ in range(held):
        stream.release()
    filler.unlink()
    for _ in range(8):
        await stream.reserve()
    for n in range(8):
        await stream.append_change(record(n, eventID="e"), is_promised=True)
        stream.release()
    await stream.close()


def test_a_directory_is_one_process_own(tmp_path: Path) -> None:
    file = open_file(tmp_path / "audit")
    before = sorted(p.name for p in (tmp_path / "audit").iterdir())
    with pytest.raises(BlockingIOError, match="in use by another process"):
        AuditDirectory.take(tmp_path / "audit")
    program = "import sys, pathlib; from meridian.adapters.audit_segment import AuditDirectory as A; A.take(pathlib.Path(sys.argv[1]))"
    other = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "audit")], capture_output=True, text=True, timeout=100, check=False
    )
    assert "in use by another process" in other.stderr
    assert sorted(p.name for p in (tmp_path / "audit").iterdir()) == before
    file.close()
    AuditDirectory.take(tmp_path / "audit").close()


def test_the_limit_of_a_file_counts_before_the_change(tmp_path: Path) -> None:
    program = """
import asyncio, os, resource, signal, sys
from pathlib import Path
from tests.audit_logs import open_file, open_stream, record
from meridian.errors import DependencyTimeoutException
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
async def main():
    stream = open_stream(open_file(Path(sys.argv[1])), sink_timeout_seconds=10)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    await stream.reserve()
    try:
        await stream.reserve()
    except DependencyTimeoutException as fault:
        print(fault.reason)
asyncio.run(main())
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=root)
    assert done.stdout == "audit sink: the audit file may not grow\n", done.stderr
