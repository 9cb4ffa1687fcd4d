"""What a machine charges for what servers do all the time: handing over between threads, a sync of a file, and Python itself."""

from __future__ import annotations

import os
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Final

HANDOVERS: Final = 4000
CALLS: Final = 200_000
CALLED_TIMES: Final = 5
SYNCS: Final = 100
RECORD: Final = b"." * 1500
"""As long as an audit record."""


def switch_microseconds() -> float:
    """Microseconds for one hand-over of a byte between two threads that share this process's core, through pipes."""
    forth, back = os.pipe(), os.pipe()

    def answer() -> None:
        for _ in range(HANDOVERS):
            os.write(back[1], os.read(forth[0], 1))

    thread = threading.Thread(target=answer)
    thread.start()
    began = time.perf_counter()
    for _ in range(HANDOVERS):
        os.write(forth[1], b"x")
        os.read(back[0], 1)
    seconds = time.perf_counter() - began
    thread.join()
    for end in (*forth, *back):
        os.close(end)
    return seconds / (2 * HANDOVERS) * 1e6


def sync_microseconds(folder: Path) -> float:
    """Median microseconds of a sync of a file in this folder, each after one record more."""
    found = []
    with (folder / "synced").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            began = time.perf_counter()
            file.write(RECORD)
            os.fdatasync(file.fileno())
            found.append((time.perf_counter() - began) * 1e6)
    return statistics.median(found)


class _Counter:
    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def add(self, more: int) -> None:
        self.count += more


def call_nanoseconds() -> float:
    """Nanoseconds of CPU for a method that adds a number, the least of some loops: what an interpreter is worth depends on how it was
    compiled, and its version does not tell."""
    counter, found = _Counter(), []
    for _ in range(CALLED_TIMES):
        began = time.process_time()
        for number in range(CALLS):
            counter.add(number)
        found.append((time.process_time() - began) / CALLS * 1e9)
    return min(found)


def interpreter() -> str:
    """Its version, and what a call costs with it. Behind Envoy its shared library runs, which some distributions compile otherwise."""
    return f"Python {sys.version.split()[0]}, with which a call of a method takes {call_nanoseconds():.0f} ns"
