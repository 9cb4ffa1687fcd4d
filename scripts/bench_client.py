"""What the client library costs its caller: CPU of a call ÷ that of gRPC's bare stub on the same requests, and of its import beyond gRPC's.

The server is a process of its own that answers every call alike; the caller's process alone is counted. Rounds of both are taken in turns.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any, Final

import grpc
import grpc.aio
import grpc.experimental
from bench_commands import cpu_of

from meridian.client import AsyncClient, Client, Endpoint
from meridian.kms.v1 import encryption_pb2, encryption_pb2_grpc

CALLS: Final = 400
ROUNDS: Final = 15
IN_FLIGHT: Final = 16
IMPORT_ROUNDS: Final = 9
FIELDS: Final[dict[str, Any]] = {
    "key_id": "1234abcd-12ab-34cd-56ef-1234567890ab",
    "plaintext": b"x" * 256,
    "encryption_context": {"tenant": "a"},
}
SECONDS: Final = 5.0
ANSWER: Final = encryption_pb2.EncryptResponse(ciphertext_blob=b"y" * 392, key_id="arn:aws:kms:us-east-1:111122223333:key/" + "0" * 36)
GOALS: Final = {"call": 1.15, "import": 0.15}


class PlainEndpoint(Endpoint):
    """Without TLS, whose cost is the same for both and would hide what differs."""

    @property
    def credentials(self) -> Any:
        credentials: Any = grpc.experimental
        return credentials.insecure_channel_credentials()


def serve() -> None:
    """Answer for ever, and say first on which port."""

    def service(_: object, __: grpc.HandlerCallDetails) -> Any:
        answer = ANSWER.SerializeToString()
        return grpc.unary_unary_rpc_method_handler(lambda *_: answer)

    server = grpc.server(ThreadPoolExecutor(4))
    handler: Any = type("Handler", (grpc.GenericRpcHandler,), {"service": service})()
    server.add_generic_rpc_handlers((handler,))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    sys.stdin.read()  # until the bench ends


def microseconds(work: Callable[[], object]) -> float:
    """CPU of this process for each call of a round."""
    began = time.process_time()
    work()
    return (time.process_time() - began) / CALLS * 1e6


def ratio(name: str, client: Callable[[], object], stub: Callable[[], object]) -> float:
    """Print a row; the answer is the median ratio."""
    client()
    stub()
    pairs = [(microseconds(client), microseconds(stub)) for _ in range(ROUNDS)]
    ratios = [ours / theirs for ours, theirs in pairs]
    middle = median(ratios)
    ours, theirs = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    print(f"| {name} | {ours:.0f} | {theirs:.0f} | {middle:.2f} [{min(ratios):.2f}-{max(ratios):.2f}] |")
    return middle


def blocking(target: str) -> float:
    """One call after the other."""
    endpoint = PlainEndpoint(target, Path(), Path(), Path())
    with Client(endpoint) as kms, grpc.insecure_channel(target, options=endpoint.options) as channel:
        stub = encryption_pb2_grpc.EncryptionServiceStub(channel)

        def ours() -> None:
            for _ in range(CALLS):
                kms.encrypt(**FIELDS)

        def theirs() -> None:
            for _ in range(CALLS):
                stub.Encrypt(encryption_pb2.EncryptRequest(**FIELDS), timeout=SECONDS)

        return ratio("`Client`, one at a time", ours, theirs)


async def asynchronous(target: str) -> float:
    """Many calls at once."""
    endpoint = PlainEndpoint(target, Path(), Path(), Path())
    loop = asyncio.get_running_loop()
    async with AsyncClient(endpoint) as kms, grpc.aio.insecure_channel(target, options=endpoint.options) as channel:
        stub: Any = encryption_pb2_grpc.EncryptionServiceStub(channel)

        async def ours() -> None:
            for _ in range(CALLS // IN_FLIGHT):
                await kms.encrypt(**FIELDS)

        async def theirs() -> None:
            for _ in range(CALLS // IN_FLIGHT):
                await stub.Encrypt(encryption_pb2.EncryptRequest(**FIELDS), timeout=SECONDS)

        taken: list[tuple[float, float]] = []
        for _ in range(ROUNDS + 1):
            pair = []
            for work in (ours, theirs):
                began = time.process_time()
                await asyncio.gather(*[loop.create_task(work()) for _ in range(IN_FLIGHT)])
                pair.append((time.process_time() - began) / CALLS * 1e6)
            taken.append((pair[0], pair[1]))
    ratios = [ours_us / theirs_us for ours_us, theirs_us in taken[1:]]
    middle = median(ratios)
    us = [median(pair[at] for pair in taken[1:]) for at in (0, 1)]
    print(f"| `AsyncClient`, {IN_FLIGHT} at once | {us[0]:.0f} | {us[1]:.0f} | {middle:.2f} [{min(ratios):.2f}-{max(ratios):.2f}] |")
    return middle


def imports() -> float:
    """CPU seconds of the import beyond that of gRPC's two halves, which every caller has."""
    ours = [sys.executable, "-c", "import meridian.client"]
    theirs = [sys.executable, "-c", "import grpc, grpc.aio"]
    for command in (ours, theirs):
        cpu_of(command)
    beyond = [cpu_of(ours) - cpu_of(theirs) for _ in range(IMPORT_ROUNDS)]
    print(f"\nimport beyond gRPC's: {median(beyond):.3f} s of CPU [{min(beyond):.3f}-{max(beyond):.3f}], goal {GOALS['import']}")
    return median(beyond)


def main() -> int:
    """1 where a goal is missed."""
    if sys.argv[1:] == ["--serve"]:
        serve()
        return 0
    with subprocess.Popen([sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            target = f"127.0.0.1:{server.stdout.readline().strip() if server.stdout is not None else ''}"
            print("| calls | client, µs of CPU | stub | client ÷ stub, median [min-max] |\n|---|---|---|---|")
            found = [blocking(target), asyncio.run(asynchronous(target))]
        finally:
            server.terminate()
    missed = [f"{each:.2f} > {GOALS['call']}" for each in found if each > GOALS["call"]]
    if (seconds := imports()) > GOALS["import"]:
        missed.append(f"{seconds:.3f} s > {GOALS['import']} s")
    print("\n".join([f"missed: {each}" for each in missed] or ["every goal is met"]))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
