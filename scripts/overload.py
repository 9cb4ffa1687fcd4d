"""What becomes of a Region that is offered ten times what it can do: goodput, waiting and bystanders, as ratios within one run.

The server has a core of its own. First the number of callers is looked for with whom it does most (the peak). Then ten times as many come,
who wait after a refusal as it advises; then as many calls a second as at the peak, times ten, whatever becomes of them. Beside each goes a
bystander: another account, another class, in a process of its own, which does not wait for what the crowd's has to do.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench_process import GENERATOR, SERVERS, cpu_seconds
from hostile_loads import BEHIND_ENVOY
from tests.deployment import HOME, Deployment

from meridian.client import Client, Endpoint
from meridian.contract.catalog import rpcs
from meridian.kms.v1 import types_pb2 as t

TIMES = 10
CHANNELS = 16
"""As many as a crowd brings: no caller waits before his own connection."""
STREAMS = 400
"""Calls that are under way at once of those who heed nothing."""
IN_FLIGHT = (4, 8, 16, 32, 64, 128)
LOOK_SECONDS = 3.0
"""To find the peak."""
PAUSE_SECONDS = 0.02
FIRST_PAUSE_SECONDS = 0.1
SIGN = {"key_spec": t.KEY_SPEC_RSA_4096, "key_usage": t.KEY_USAGE_TYPE_SIGN_VERIFY}
RSA_PSS = t.SIGNING_ALGORITHM_SPEC_RSASSA_PSS_SHA_256


def advice_of(refusal: grpc.aio.AioRpcError) -> float:
    """The seconds of its RetryInfo; where it has none, what the client library waits before it sends a call again."""
    call: Any = refusal
    status, info = rpc_status.from_call(call), error_details_pb2.RetryInfo()
    for detail in status.details if status is not None else ():
        if detail.Is(info.DESCRIPTOR) and detail.Unpack(info):
            return float(info.retry_delay.ToTimedelta().total_seconds())
    return FIRST_PAUSE_SECONDS


@dataclass
class Outcome:
    """What some seconds of calls came to."""

    seconds: float
    answered: list[float] = field(default_factory=list)
    """How long each call took that was answered, in seconds."""
    others: Counter[str] = field(default_factory=Counter)
    answered_in_time: int = 0
    """Before the seconds had passed; those who wait after a refusal end later, and call no more."""

    @property
    def goodput(self) -> float:
        return self.answered_in_time / self.seconds

    def end_in_time(self) -> None:
        """The seconds have passed."""
        self.answered_in_time = len(self.answered)

    @property
    def offered(self) -> float:
        return (len(self.answered) + self.others.total()) / self.seconds

    def slowest(self, part: float) -> float:
        """The time that all but this part of the answers took at most."""
        ordered = sorted(self.answered)
        return ordered[min(len(ordered) - 1, int(len(ordered) * (1 - part)))] if ordered else float("nan")


class Load:
    """One kind of call of one caller, over several connections."""

    def __init__(self, endpoint: Endpoint, operation: str, **fields: Any) -> None:
        rpc = rpcs()[operation]
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channels = [grpc.aio.secure_channel(endpoint.target, endpoint.credentials, options) for _ in range(CHANNELS)]
        self._methods: list[Any] = [channel.unary_unary(rpc.path) for channel in self._channels]
        self._request = rpc.request_class(**fields).SerializeToString()
        self._number = 0

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()

    async def one(self, outcome: Outcome) -> float:
        """A call; the answer is how long a refusal advises to wait, in seconds."""
        self._number += 1
        began = time.perf_counter()
        try:
            await self._methods[self._number % CHANNELS](self._request, timeout=20)
            outcome.answered.append(time.perf_counter() - began)
        except grpc.aio.AioRpcError as refusal:
            outcome.others[refusal.code().name] += 1
            return advice_of(refusal)
        return 0.0

    async def closed(self, in_flight: int, seconds: float, pause: float) -> Outcome:
        """So many callers, each of whom calls again after the pause when he has his answer; after a refusal, when it advises, more or
        less."""
        began = time.perf_counter()
        outcome = Outcome(seconds)
        asyncio.get_running_loop().call_later(seconds, outcome.end_in_time)

        async def caller() -> None:
            while time.perf_counter() - began < seconds:
                advised = await self.one(outcome)
                if pause or advised:
                    await asyncio.sleep(pause + advised * random.uniform(0.5, 1.5))  # noqa: S311 - no secret

        await asyncio.gather(*[caller() for _ in range(in_flight)])
        return outcome

    async def offered(self, per_second: float, seconds: float) -> Outcome:
        """So many calls a second, whatever becomes of them; fewer where this process or the connections cannot take as many."""
        began, intended, outcome = time.perf_counter(), 0, Outcome(seconds)
        under_way: set[asyncio.Task[float]] = set()
        while (passed := time.perf_counter() - began) < seconds:
            due, intended = int(passed * per_second) - intended, int(passed * per_second)
            for _ in range(min(due, STREAMS - len(under_way))):
                task = asyncio.create_task(self.one(outcome))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            await asyncio.sleep(0.001)
        outcome.end_in_time()
        await asyncio.gather(*under_way)
        return outcome


def stand_beside(orders: Connection, endpoint: Endpoint, operation: str, fields: dict[str, Any]) -> None:
    """What a bystander's process does: call now and then for as many seconds as it is told, and say what came of it; until told none."""

    async def stand() -> None:
        load = Load(endpoint, operation, **fields)
        while seconds := await asyncio.to_thread(orders.recv):
            orders.send(await load.closed(2, seconds, PAUSE_SECONDS))
        await load.close()

    asyncio.run(stand())


class Bystander:
    """Somebody else's calls."""

    def __init__(self, endpoint: Endpoint, operation: str, **fields: Any) -> None:
        context = get_context("spawn")
        self._orders, theirs = context.Pipe()
        self._process = context.Process(target=stand_beside, args=(theirs, endpoint, operation, fields), daemon=True)
        self._process.start()

    async def stand(self, seconds: float) -> Outcome:
        self._orders.send(seconds)
        outcome: Outcome = await asyncio.to_thread(self._orders.recv)
        return outcome

    def end(self) -> None:
        self._orders.send(0.0)
        self._process.join()


@dataclass(frozen=True)
class Story:
    """One class under load, and who stands beside."""

    name: str
    load: Load
    bystander: Bystander
    bystander_name: str


@asynccontextmanager
async def beside(bystander: Bystander, seconds: float) -> AsyncIterator[asyncio.Task[Outcome]]:
    """The bystander calls meanwhile."""
    task = asyncio.create_task(bystander.stand(seconds))
    yield task
    await task


async def tell(story: Story, pid: int, seconds: float) -> None:
    """Print the rows of one class."""
    await story.load.closed(8, LOOK_SECONDS, 0)
    await story.bystander.stand(LOOK_SECONDS)
    ladder = {number: await story.load.closed(number, LOOK_SECONDS, 0) for number in IN_FLIGHT}
    best = max(ladder, key=lambda number: ladder[number].goodput)
    quiet = await story.bystander.stand(seconds / 2)
    cpu = cpu_seconds(pid)
    async with beside(story.bystander, seconds) as stood:
        peak = await story.load.closed(best, seconds, 0)
    cpu = cpu_seconds(pid) - cpu
    at_peak = stood.result()
    print(f"| {story.name} | peak, {best} callers (calls/s) | {peak.goodput:.0f} | |")
    print(f"| {story.name} | peak, slowest percent (ms) | {peak.slowest(0.01) * 1000:.1f} | |")
    print(f"| {story.name} | peak, server's CPU, of its core | {cpu / seconds:.2f} | |", flush=True)
    for crowd in (f"{TIMES * best} callers who heed advice", f"{TIMES} x peak, heedless"):
        cpu = cpu_seconds(pid)
        own = time.process_time()
        async with beside(story.bystander, seconds) as stood:
            if "heedless" in crowd:
                flood = await story.load.offered(TIMES * peak.goodput, seconds)
            else:
                flood = await story.load.closed(TIMES * best, seconds, 0)
        cpu = cpu_seconds(pid) - cpu
        own = time.process_time() - own
        in_flood, refused = stood.result(), flood.others["RESOURCE_EXHAUSTED"]
        other_ends = ", ".join(sorted({*flood.others, *in_flood.others} - {"RESOURCE_EXHAUSTED"})) or "none"
        for row, value, wanted in (
            ("offered ÷ peak", flood.offered / peak.goodput, ""),
            ("goodput ÷ peak", flood.goodput / peak.goodput, "≥ 0.8"),
            ("slowest percent of the answered ÷ at the peak", flood.slowest(0.01) / peak.slowest(0.01), "≤ 2"),
            ("median of the answered ÷ at the peak", flood.slowest(0.5) / peak.slowest(0.5), ""),
            ("refused, of all", refused / max(1, flood.others.total() + len(flood.answered)), ""),
            (f"ends of another kind ({other_ends})", float(flood.others.total() - refused), "0"),
            (f"{story.bystander_name}: slowest percent ÷ at the peak", in_flood.slowest(0.01) / at_peak.slowest(0.01), "≤ 1.5"),
            (f"{story.bystander_name}: slowest percent ÷ in quiet", in_flood.slowest(0.01) / quiet.slowest(0.01), ""),
            (f"{story.bystander_name}: refused", float(in_flood.others.total()), "0"),
            ("server's CPU, of its core", cpu / seconds, ""),
            ("generator's CPU, of its core", own / seconds, ""),
        ):
            print(f"| {story.name}, {crowd} | {row} | {value:.2f} | {wanted} |", flush=True)


def new_key(deployment: Deployment, caller: str, **fields: Any) -> str:
    with Client(deployment.endpoint(HOME, caller)) as client:
        return str(client.create_key(**fields, timeout=60).key_metadata.key_id)


async def stories(deployment: Deployment, seconds: float, only: str) -> None:
    pid = deployment.processes[HOME].pid
    mine, signs, theirs = (
        new_key(deployment, "alice"),
        new_key(deployment, "alice", **SIGN),
        new_key(deployment, "bob"),
    )
    message = {"message": b"x" * 32, "signing_algorithm": RSA_PSS}
    loads = (
        Load(deployment.endpoint(HOME, "app"), "Sign", key_id=signs, **message),
        Load(deployment.endpoint(HOME, "app"), "Encrypt", key_id=mine, plaintext=b"x" * 32),
    )
    bystanders = (
        Bystander(deployment.endpoint(HOME, "partner"), "Encrypt", key_id=theirs, plaintext=b"x" * 32),
        Bystander(deployment.endpoint(HOME, "bob"), "DescribeKey", key_id=theirs),
    )
    print("| class | measured | value | wanted |\n|---|---|---|---|")
    told = (
        Story("asymmetric: Sign RSA_4096", loads[0], bystanders[0], "Encrypt of another account"),
        Story("symmetric: Encrypt", loads[1], bystanders[1], "DescribeKey of another account"),
    )
    for story in told:
        if story.name.startswith(only):
            await tell(story, pid, seconds)
    for load in loads:
        await load.close()
    for bystander in bystanders:
        bystander.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each measurement; of few the first moment is the slowest percent")
    parser.add_argument("--front", choices=("grpcio", "envoy"), default="grpcio")
    parser.add_argument("--only", default="", help="the class whose name begins with this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="meridian-overload-") as folder:
        deployment = Deployment(Path(folder), [HOME], BEHIND_ENVOY if options.front == "envoy" else "").prepare()
        try:
            os.sched_setaffinity(0, {SERVERS})
            deployment.start(HOME)
            os.sched_setaffinity(0, {GENERATOR})
            asyncio.run(stories(deployment, options.seconds, options.only))
        finally:
            deployment.stop_all()


if __name__ == "__main__":
    main()
