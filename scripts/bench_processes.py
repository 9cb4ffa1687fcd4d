"""What a second process costs: CPU of an Encrypt on a Region of two processes under one parent ÷ on a Region of one, in one run.

Sixteen connections with one call in flight each, which the kernel divides. Process k is kept on core k; CPU is that of all processes of a
Region, its parent among them. Rounds are interleaved, and every answer is checked.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench_process import cpu_seconds, report
from tests.deployment import HOME, Deployment
from tests.several import PATIENT, Several

from meridian.cli.dev import FRONTS
from meridian.contract.catalog import rpcs

ROUNDS, CALLS, CONNECTIONS = 5, 2500, 16
GOAL = 1.05
MEASURE_SECONDS = 120
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)


class Served:
    """A Region of so many processes, with connections to it."""

    def __init__(self, root: Path, front: str, processes: int, held: ExitStack) -> None:
        self._several = Several(Deployment(root, [HOME], f'front.kind = "{front}"\n').prepare(), processes)
        settings = self._several.deployment.place(HOME).settings
        settings.write_text(settings.read_text().replace("[audit]\n", PATIENT))
        held.callback(self._several.deployment.stop_all)
        self._several.start()
        self._pids = [self._several.parent, *self._several.pids().values()]
        for at, pid in enumerate(self._pids[-processes:]):
            for task in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), {at % (os.cpu_count() or 1)})
        with self._several.deployment.client() as client:
            key_id = client.create_key().key_metadata.key_id
        fields = {"key_id": key_id, "plaintext": bytes(32), "encryption_context": {"tenant": "a"}}
        self._request = rpcs()["Encrypt"].request_class(**fields).SerializeToString()

    def connect(self) -> None:
        endpoint = self._several.deployment.endpoint(HOME, "app")
        channels = [grpc.aio.secure_channel(endpoint.target, endpoint.credentials, options=OWN_CONNECTION) for _ in range(CONNECTIONS)]
        self._methods: list[Any] = [channel.unary_unary(rpcs()["Encrypt"].path) for channel in channels]

    async def round(self) -> float:
        """Microseconds of CPU for a call."""
        numbers = iter(range(CALLS))

        async def caller(method: Any) -> None:
            for _ in numbers:
                assert b"MK\x01\x01" in await method(self._request)

        cpu = sum(map(cpu_seconds, self._pids))
        async with asyncio.timeout(MEASURE_SECONDS):
            await asyncio.gather(*map(caller, self._methods))
        return (sum(map(cpu_seconds, self._pids)) - cpu) / CALLS * 1e6


async def compare(regions: list[Served]) -> list[list[float]]:
    for region in regions:
        region.connect()
        await region.round()
    return [[await region.round() for region in regions] for _ in range(ROUNDS)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--front", choices=FRONTS, default=FRONTS[0], help="what answers callers")
    front = parser.parse_args().front
    with tempfile.TemporaryDirectory() as root, ExitStack() as held:
        regions = [Served(Path(root) / str(processes), front, processes, held) for processes in (1, 2)]
        found = asyncio.run(compare(regions))
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("microseconds of CPU for an Encrypt: " + ", ".join(f"{statistics.median(each):.0f}" for each in zip(*found, strict=True)))
    report(f"Encrypt behind {front}, 2 processes ÷ 1, 16 connections", [two / one for one, two in found], GOAL)


if __name__ == "__main__":
    main()
