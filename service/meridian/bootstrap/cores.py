"""How many cores this process may use: what the system lets it run on, and no more than its control groups give it time for."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Final

GROUPS: Final = Path("/sys/fs/cgroup")
OWN: Final = Path("/proc/self/cgroup")


def cores(groups: Path = GROUPS, own: Path = OWN) -> int:
    """1 at least; a part of a core counts as one. `groups` and `own` are where Linux tells of control groups (version 2,
    https://docs.kernel.org/admin-guide/cgroup-v2.html, `cpu.max`); what they do not tell bounds nothing."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([allowed, *[_bound(folder / "cpu.max", allowed) for folder in _folders(groups, own)]])


def _folders(groups: Path, own: Path) -> list[Path]:
    """Of the group of this process and of those that it is in: each of them may be the narrowest."""
    try:
        places = [line[3:] for line in own.read_text().splitlines() if line.startswith("0::/")]
    except OSError:
        return []
    # A process of another name space is told of with "..": what lies there is none of ours.
    inner = [PurePosixPath(place).relative_to("/") for place in places if ".." not in place]
    return [groups / each for place in inner for each in (place, *place.parents)]


def _bound(file: Path, otherwise: int) -> int:
    try:
        given, period = file.read_text().split()
        return otherwise if given == "max" else max(1, -(-int(given) // int(period)))
    except (OSError, ValueError, ZeroDivisionError):
        return otherwise
