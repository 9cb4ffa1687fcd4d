"""Server processes on a core of their own, and what a call costs them: CPU of the process, user and system, ÷ calls."""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
SERVERS = 0
"""The core of every server; only one works at a time."""
GENERATOR = 1 % (os.cpu_count() or 1)
STOP_SECONDS = 10
MEASURE_SECONDS = 120
"""Far more than any measurement takes; a server that does not answer ends it."""

Call = Callable[[int], Awaitable[None]]


def pin(pid: int) -> None:
    """Put all threads of a server on the servers' core."""
    os.sched_setaffinity(pid, {SERVERS})
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {SERVERS})


def cpu_seconds(pid: int) -> float:
    """CPU that a process has used so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def measure(pid: int, call: Call, calls: int, in_flight: int) -> tuple[float, float]:
    """(server CPU microseconds per call, calls per second)."""
    numbers = iter(range(calls))

    async def caller() -> None:
        for number in numbers:
            await call(number)

    began, cpu = time.perf_counter(), cpu_seconds(pid)
    async with asyncio.timeout(MEASURE_SECONDS):
        await asyncio.gather(*[caller() for _ in range(in_flight)])
    cpu, seconds = cpu_seconds(pid) - cpu, time.perf_counter() - began
    return cpu / calls * 1e6, calls / seconds


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} [{min(values):.2f}-{max(values):.2f}]"


def report(name: str, values: list[float], limit: float | None, at_least: bool = False) -> None:
    """Print a row of the table."""
    bound = "" if limit is None else f"  {'≥' if at_least else '≤'} {limit}"
    print(f"| {name} | {spread(values)} |{bound} |", flush=True)


@contextlib.contextmanager
def running(command: list[str], log: Path, environment: dict[str, str], cores: set[int]) -> Iterator[subprocess.Popen[bytes]]:
    """A server on these cores from its first instruction, so that it sees no others; its output goes to a file."""
    with log.open("wb") as output:
        os.sched_setaffinity(0, cores)
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
        finally:
            os.sched_setaffinity(0, {GENERATOR})
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
