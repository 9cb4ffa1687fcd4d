"""How long threads work, and how long they could work and wait for a core: what the kernel says in /proc/PID/task/TID/schedstat."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple


class Spent(NamedTuple):
    """Seconds, since a thread or a process began."""

    working: float
    waiting: float
    """Ready to work, with no core to work on."""

    def since(self, before: Spent) -> Spent:
        """What was spent between two readings."""
        return Spent(self.working - before.working, self.waiting - before.waiting)


def of_thread() -> Spent:
    """The calling thread until now."""
    return _read(Path("/proc/thread-self/schedstat"))


def of_process(pid: int) -> Spent:
    """All threads that a process has now, together; waits of several at once count each."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # it has ended meanwhile
            found.append(_read(task / "schedstat"))
    return Spent(sum(each.working for each in found), sum(each.waiting for each in found))


def _read(path: Path) -> Spent:
    working, waiting, _ = path.read_text().split()
    return Spent(int(working) / 1e9, int(waiting) / 1e9)
