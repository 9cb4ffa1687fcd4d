"""The machine's own clock."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

CPU_TICKS: Final = slice(11, 15)
"""Of what stands in /proc/PID/stat behind the name of the program: user and system time, of the process and its ended children."""
START_TICK: Final = 19
"""There as well: when the process began."""


class SystemClock:
    """Implements `ports.clock.Clock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    monotonic = staticmethod(time.monotonic)
    """Asked several times a call: the system's own function, without one of ours around it."""


def process_age() -> Callable[[], float]:
    """A clock of the seconds since this process began, to ten milliseconds; where the system does not say when, since now."""
    age = 0.0
    with contextlib.suppress(OSError):
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[START_TICK]) / os.sysconf("SC_CLK_TCK")
    began = time.monotonic() - age
    return lambda: time.monotonic() - began


def cpu_seconds_of(pid: int) -> float:
    """What another process has worked, with its children that have ended; 0 where the system does not say."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[CPU_TICKS])) / os.sysconf("SC_CLK_TCK")
    return 0.0
