"""What `make bench-rivals` measures: each thing, the ways in which it can be asked, and what each round found."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

import grpc
from bench_process import Call, cpu_seconds, measure
from h2load import Generator, Shape, UnansweredError

CONNECTIONS, STREAMS, PYTHON, LONE = "16 connections", "one connection, 16 streams", "a Python client, 16 in flight", "a lone caller"
MANY: Final = "64 connections"
BATCH: Final = "batches of 100, four in flight"
BY_H2LOAD: Final = {CONNECTIONS: Shape(16, 1), STREAMS: Shape(1, 16), MANY: Shape(64, 1), LONE: Shape(1, 1)}
BY_PYTHON: Final = {PYTHON: 16, BATCH: 4}
"""THE table of shapes: by h2load so many connections with so many streams each, by a client in Python so many calls at once."""
SHAPES: Final = (*BY_H2LOAD, *BY_PYTHON)
SHARES: Final = {LONE: 0.3, BATCH: 0.05}
"""Of the calls of a round, where one takes longer."""
TRIES: Final = 5
PAUSE_SECONDS: Final = 1.0


@dataclass
class Subject:
    """One thing that is measured. `generator` asks by h2load, `python` by a client in Python, in the shapes that are named."""

    name: str
    pid: int
    shapes: tuple[str, ...]
    generator: Generator | None = None
    python: Call | None = None
    items: int = 1
    """How many Encrypts one call is."""
    share: float = 1.0
    """Of the calls of a round; less for what is slow."""
    costs: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """CPU microseconds of the server for one Encrypt, a value for each round, by shape."""
    waits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Median microseconds of a call, by shape; h2load alone tells them."""
    sent: int = 0
    """Calls by h2load until now that were answered."""

    async def one_round(self, shape: str, calls: int) -> None:
        """Measure, and keep what was found; what a busy machine made the server refuse is measured again. Raises: UnansweredError."""
        count = max(int(calls * self.share * SHARES.get(shape, 1.0)), 40)
        for tries_left in reversed(range(TRIES)):
            try:
                cost = await (self._by_python if shape in BY_PYTHON else self._by_h2load)(shape, count)
            except (UnansweredError, grpc.aio.AioRpcError) as refused:
                if not tries_left:
                    raise UnansweredError(f"{self.name}: {refused}") from refused
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                self.costs[shape].append(cost / self.items)
                return

    async def _by_python(self, shape: str, count: int) -> float:
        assert self.python is not None
        return (await measure(self.pid, self.python, count, BY_PYTHON[shape]))[0]

    async def _by_h2load(self, shape: str, count: int) -> float:
        """Connecting is not counted: what a run of one call for each stream costs is measured first, and subtracted."""
        few = BY_H2LOAD[shape].in_flight
        begun, _ = await self._run(shape, few)
        cost, wait = await self._run(shape, count + few)
        self.waits[shape].append(wait)
        return (cost - begun) / count * 1e6

    async def _run(self, shape: str, calls: int) -> tuple[float, float]:
        """(CPU seconds of the server, median microseconds of a call)."""
        assert self.generator is not None
        before = cpu_seconds(self.pid)
        wait = await self.generator.run(calls, BY_H2LOAD[shape])
        cpu = cpu_seconds(self.pid) - before
        self.sent += calls
        return cpu, wait
