"""What an Encrypt costs Meridian beside other services: server CPU per call, all in one run on the same cores.

Every server has the same core to itself while it is measured, the generator has another. The same 32 bytes and the same context go
over connections that are kept. Rounds are interleaved; medians with their spread, and the ratio of the cheapest rounds, which other
work on the machine disturbs least.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import rivals
from bench import PLAINTEXT, Load, Server, new_key
from bench_kinds import AwsCalls
from bench_process import GENERATOR, Call, measure, spread

CONTEXT = {"tenant": "a"}
SECONDS = 220
"""No round begins that would not end by then; twenty seconds later everything is stopped."""
IN_FLIGHT = (16, 1)
GOAL = 0.5
GRPC, AWS = "Meridian, gRPC, mutual TLS", "Meridian, AWS wire, plaintext"
NEW, NO_OP = f"{GRPC}, every context new", f"{GRPC}, a health check instead"
OPENBAO, OPENBAO_PLAIN = "OpenBao transit, HTTP, mutual TLS", "OpenBao transit, HTTP, plaintext"
MOTO = "moto, AWS wire, plaintext"
COMPARED = ((GRPC, OPENBAO), (NEW, OPENBAO), (NO_OP, OPENBAO), (AWS, OPENBAO_PLAIN), (GRPC, MOTO), (AWS, MOTO))
AUDIT = {"Meridian": "on disk before the answer", "OpenBao": "written, not synced", "moto": "none; a connection per call"}


@dataclass
class Subject:
    """One thing that is measured, and what each round found."""

    name: str
    pid: int
    call: Call
    share: float = 1.0
    """Of the calls of a round; less for what is slow."""
    costs: dict[int, list[float]] = field(default_factory=lambda: {number: [] for number in IN_FLIGHT})
    busy: dict[int, list[float]] = field(default_factory=lambda: {number: [] for number in IN_FLIGHT})

    async def measure(self, calls: int, in_flight: int) -> tuple[float, float]:
        """(CPU microseconds per call, percent of its core that the server was busy)."""
        cost, rate = await measure(self.pid, self.call, int(calls * self.share), in_flight)
        return cost, cost * rate / 1e4

    async def one_round(self, calls: int, in_flight: int) -> None:
        cost, busy = await self.measure(calls if in_flight > 1 else calls // 3, in_flight)
        self.costs[in_flight].append(cost)
        self.busy[in_flight].append(busy)


def rivals_started(stack: contextlib.ExitStack, root: Path, server: Server) -> Iterator[Subject]:
    """The subjects of every rival that can be had here; of others, a line that says why not."""
    starts: dict[str, Callable[[], Any]] = {
        "OpenBao transit, HTTP": lambda: rivals.openbao(root, server.deployment, PLAINTEXT, CONTEXT),
        "moto, AWS wire": lambda: rivals.moto(root, PLAINTEXT, CONTEXT),
    }
    for name, start in starts.items():
        try:
            rival = stack.enter_context(start())
        except (rivals.AbsentError, OSError) as fault:
            print(f"{name}: not measured. {fault}\n", flush=True)
            continue
        for wire, kept in rival.calls.items():
            yield Subject(f"{name}, {wire}", rival.pid, kept.call, 0.3 if "moto" in name else 1.0)


async def rounds(subjects: list[Subject], count: int, calls: int, until: float) -> int:
    """Fill the costs of every subject; the answer is how many rounds there was time for."""
    for subject in subjects:
        await subject.measure(calls // 3, IN_FLIGHT[0])
    for number in range(count):
        began = time.monotonic()
        for in_flight in IN_FLIGHT:
            for subject in subjects:
                await subject.one_round(calls, in_flight)
        if 2 * time.monotonic() - began > until:
            return number + 1
    return count


def ratios(one: list[float], other: list[float]) -> str:
    return f"{spread([a / b for a, b in zip(one, other, strict=True)])} | {min(one) / min(other):.2f}"


def report(subjects: dict[str, Subject], in_flight: int) -> None:
    print(f"\n{in_flight} in flight\n\n| server | audit | CPU µs per Encrypt, median [min-max] | core busy, % |\n|---|---|---|---|")
    for name, subject in subjects.items():
        audit = AUDIT[name.split(maxsplit=1)[0].rstrip(",")] if name != NO_OP else "none"
        print(f"| {name} | {audit} | {spread(subject.costs[in_flight])} | {statistics.median(subject.busy[in_flight]):.0f} |")
    print("\n| ratio | round by round | of the cheapest rounds | goal |\n|---|---|---|---|")
    for one, other in COMPARED:
        if one in subjects and other in subjects:
            found = ratios(subjects[one].costs[in_flight], subjects[other].costs[in_flight])
            print(f"| {one} ÷ {other} | {found} | {f'≤ {GOAL}' if one == GRPC and other == OPENBAO else ''} |", flush=True)


async def compare(server: Server, others: list[Subject], options: argparse.Namespace, until: float) -> None:
    async with Load(server, new_key(server)) as load:
        over_grpc = [
            Subject(GRPC, server.pid, load.encrypt),
            Subject(NEW, server.pid, load.encrypt_new_context),
            Subject(NO_OP, server.pid, load.no_op),
        ]
        subjects = {subject.name: subject for subject in [*over_grpc, *others]}
        done = await rounds(list(subjects.values()), options.rounds, options.calls, until)
    print(f"{done} rounds of {options.calls} calls")
    for in_flight in IN_FLIGHT:
        report(subjects, in_flight)


def stop(number: int, _: Any) -> None:
    raise SystemExit(f"stopped by {signal.Signals(number).name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=3000)
    options = parser.parse_args()
    until = time.monotonic() + SECONDS
    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, stop)
    signal.alarm(SECONDS + 20)
    os.sched_setaffinity(0, {GENERATOR})
    with tempfile.TemporaryDirectory(prefix="meridian-rivals-") as folder, contextlib.ExitStack() as stack:
        stack.callback(signal.alarm, 0)
        server = Server(Path(folder) / "region")
        stack.callback(server.close)
        aws = AwsCalls(server.deployment, PLAINTEXT, CONTEXT)
        others = [Subject(AWS, server.pid, aws.call), *rivals_started(stack, Path(folder), server)]
        asyncio.run(compare(server, others, options, until))


if __name__ == "__main__":
    main()
