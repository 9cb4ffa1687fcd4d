"""A gate for CI: what an Encrypt costs ÷ what a no-op of the same front costs, on both fronts, in one short run. It fails where that has
grown by more than three tenths since it was recorded.

The transport's share cancels out, and so does the machine: what is left is the pipeline. Rounds are interleaved, and a median counts. What
fails is measured once more, longer: the gate is for what became slower, not for a machine that had a bad minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import Load, new_key
from bench_front import WARM_CALLS, cost_of
from bench_process import spread
from bench_server import Server

RECORDED: Final = {"grpcio": 2.7, "envoy": 3.3}
"""THE table: Encrypt ÷ no-op, 16 in flight, by front. Who makes it cheaper, or has a reason to make it dearer, writes the new figure."""
GROWN_MAX: Final = 1.3
IN_FLIGHT: Final = 16
CALLS: Final = 600
ROUNDS: Final = (7, 15)
"""Of the first run, and of the one that follows a failure."""


def faults(ratios: Mapping[str, Sequence[float]]) -> list[str]:
    """A line for each front that has become too dear."""
    medians = {front: statistics.median(found) for front, found in ratios.items()}
    return [
        f"{front}: an Encrypt costs {median:.2f} of a no-op; {RECORDED[front]} was recorded, and {GROWN_MAX} of that is the most"
        for front, median in medians.items()
        if median > GROWN_MAX * RECORDED[front]
    ]


async def measured(servers: Mapping[str, Server], loads: Mapping[str, Load], rounds: int) -> dict[str, list[float]]:
    """Encrypt ÷ no-op of each round, by front."""
    ratios: dict[str, list[float]] = {front: [] for front in servers}
    for _ in range(rounds):
        for front, server in servers.items():
            no_op = await cost_of(server.pid, loads[front].no_op, CALLS, IN_FLIGHT)
            ratios[front].append(await cost_of(server.pid, loads[front].encrypt, CALLS, IN_FLIGHT) / no_op)
    for front, found in ratios.items():
        print(f"| {front}: Encrypt ÷ no-op, {IN_FLIGHT} in flight | {spread(found)} | recorded {RECORDED[front]} |", flush=True)
    return ratios


async def run(servers: Mapping[str, Server]) -> list[str]:
    async with contextlib.AsyncExitStack() as stack:
        loads = {front: await stack.enter_async_context(Load(server, new_key(server))) for front, server in servers.items()}
        for front, load in loads.items():
            for call in (load.encrypt, load.no_op):
                await cost_of(servers[front].pid, call, WARM_CALLS, IN_FLIGHT)
        found: list[str] = []
        for rounds in ROUNDS:
            found = faults(await measured(servers, loads, rounds))
            if not found:
                break
        return found


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        servers: dict[str, Server] = {}
        for front in RECORDED:
            servers[front] = Server(Path(folder) / front, settings_added=f'front.kind = "{front}"\n')
            stack.callback(servers[front].close)
        found = asyncio.run(run(servers))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
