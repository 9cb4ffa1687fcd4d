"""What a call costs behind Envoy ÷ behind grpcio: two Regions with the same settings but for the front, in one run, rounds interleaved.

CPU is user and system time of the server's process, Envoy's thread with it. Both servers have one core, and the generator, a grpc.aio
client over mutual TLS, another; every answer is checked. Then a generator in C asks for the same Encrypt, where the machine has one.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
import tempfile
from pathlib import Path

import grpc

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import h2load
from bench import PLAINTEXT, Load, new_key
from bench_process import Call, measure, report
from bench_server import Server
from bench_subjects import CONNECTIONS, MANY, STREAMS, Subject
from tests.deployment import HOME

from meridian.contract.catalog import rpcs

FRONTS = ("grpcio", "envoy")
GOAL = 0.55
"""The most that an Encrypt is wanted to cost behind Envoy beside grpcio."""
IN_FLIGHT = {16: GOAL, 64: GOAL, 1: None}
"""Calls at once; a lone caller has no goal."""
ANSWERED_LEAST = 0.99
"""Of what h2load sends: a busy machine makes the server refuse some, and h2load takes a refusal for an answer."""
SHAPES = (CONNECTIONS, STREAMS, MANY)
"""Of the generator in C."""
ROUNDS, CALLS, WARM_CALLS, TRIES = 7, 1500, 200, 20


async def cost_of(pid: int, call: Call, calls: int, in_flight: int) -> float:
    """CPU microseconds of a call. A round in which a busy machine made the server refuse one is measured again."""
    for _ in range(TRIES):
        try:
            return (await measure(pid, call, calls, in_flight))[0]
        except grpc.aio.AioRpcError as refused:
            print(f"|   measured again: {refused.details()} | |", flush=True)
            await asyncio.sleep(1.0)
    raise SystemExit("the machine is too busy to measure anything")


async def compare(loads: dict[str, Load], servers: dict[str, Server]) -> None:
    for name in ("Encrypt", "Decrypt", "no-op"):
        for in_flight, limit in IN_FLIGHT.items():
            ratios: list[float] = []
            costs: dict[str, list[float]] = {kind: [] for kind in FRONTS}
            for number in range(ROUNDS):
                order = FRONTS if number % 2 else FRONTS[::-1]
                for kind in order:
                    load = loads[kind]
                    call: Call = {"Encrypt": load.encrypt, "Decrypt": load.decrypt, "no-op": load.no_op}[name]
                    costs[kind].append(await cost_of(servers[kind].pid, call, CALLS if in_flight > 1 else CALLS // 3, in_flight))
                ratios.append(costs["envoy"][-1] / costs["grpcio"][-1])
            report(f"{name}, {in_flight} in flight, behind Envoy ÷ behind grpcio", ratios, limit if name == "Encrypt" else None)
            medians = ", ".join(f"{kind} {statistics.median(found):.0f} µs" for kind, found in costs.items())
            print(f"|   medians: {medians} | |", flush=True)


def by_generator(kind: str, server: Server, key_id: str, folder: Path) -> Subject:
    """An Encrypt that is sent by h2load."""
    endpoint, encrypt = server.deployment.endpoint(HOME, "app"), rpcs()["Encrypt"]
    request = encrypt.request_class(key_id=key_id, plaintext=PLAINTEXT, encryption_context={"tenant": "a"}).SerializeToString()
    certificate = h2load.Certificate(endpoint.certificate, endpoint.private_key)
    url = f"https://{endpoint.target}{encrypt.path}"
    generator = h2load.Generator(folder / f"by-h2load-{kind}", url, h2load.GRPC_HEADERS, h2load.framed(request), certificate)
    return Subject(kind, server.pid, SHAPES, generator)


async def compare_by_generator(servers: dict[str, Server], keys: dict[str, str], folder: Path) -> None:
    """In each shape; the first round warms."""
    subjects = {kind: by_generator(kind, server, keys[kind], folder) for kind, server in servers.items()}
    before = {kind: server.encrypts() for kind, server in servers.items()}
    for shape in SHAPES:
        for number in range(ROUNDS + 1):
            for kind in FRONTS if number % 2 else FRONTS[::-1]:
                await subjects[kind].one_round(shape, CALLS)
        costs = {kind: subject.costs[shape][1:] for kind, subject in subjects.items()}
        ratios = [envoy / grpcio for envoy, grpcio in zip(costs["envoy"], costs["grpcio"], strict=True)]
        report(f"Encrypt, {shape}, a generator in C, behind Envoy ÷ behind grpcio", ratios, GOAL)
        medians = ", ".join(f"{kind} {statistics.median(found):.0f} µs" for kind, found in costs.items())
        print(f"|   medians: {medians} | |", flush=True)
    for kind, server in servers.items():
        answered, sent = await asyncio.to_thread(server.encrypts) - before[kind], subjects[kind].sent
        if answered < sent * ANSWERED_LEAST:
            raise SystemExit(f"{sent} Encrypts were sent by h2load, {answered:.0f} went well behind {kind}: the machine is too busy")


async def run(servers: dict[str, Server], keys: dict[str, str]) -> None:
    async with contextlib.AsyncExitStack() as stack:
        loads = {kind: await stack.enter_async_context(Load(server, keys[kind])) for kind, server in servers.items()}
        for kind, load in loads.items():
            for call in (load.encrypt, load.decrypt, load.no_op):
                await cost_of(servers[kind].pid, call, WARM_CALLS, 16)
        await compare(loads, servers)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        servers: dict[str, Server] = {}
        for kind in FRONTS:
            servers[kind] = Server(Path(folder) / kind, settings_added=f'front.kind = "{kind}"\n')
            stack.callback(servers[kind].close)
        keys = {kind: new_key(server) for kind, server in servers.items()}
        asyncio.run(run(servers, keys))
        if h2load.missing():
            print(f"by a client in Python alone: {h2load.missing()}", flush=True)
        else:
            asyncio.run(compare_by_generator(servers, keys, Path(folder)))


if __name__ == "__main__":
    main()
