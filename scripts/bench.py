"""What a call costs, as ratios within one run: server CPU per call ÷ CPU per no-op on the same server.

Server and generator run on different cores. A no-op is a health check on the same listener, through the same mutual TLS and the
same interceptor. Rounds are interleaved; medians with their spread. Every answer is checked.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import bench_kinds
import bench_reload
from bench_process import GENERATOR, Call, measure, report
from bench_server import Server
from tests.deployment import HOME

from meridian.client import AsyncClient, Client
from meridian.contract.catalog import rpcs
from meridian.kms.v1 import types_pb2 as t

KEY_POLICY = 'permit (principal == KMS::Service::"111122223333/app", action in KMS::Action::"Use", resource is KMS::Key);'
READING_POLICY = KEY_POLICY.replace(
    ";",
    ' when { context has encryptionContext && context.encryptionContext.hasTag("object") '
    '&& context.encryptionContext.hasTag("tenant") '
    '&& context.encryptionContext.getTag("object") != context.encryptionContext.getTag("tenant") };',
)
"""The same permit under a condition whose answer every new object makes new: neither is compared with what is spelled out."""
PLAINTEXT = b"0123456789abcdef0123456789abcdef"
LIMITS = {
    "Encrypt, same context, 16 in flight": 2.0,
    "Encrypt, every context new, 16 in flight": 3.3,
    "Encrypt, every decision new, 16 in flight": 3.3,
    "a refused Encrypt ÷ an allowed one": 1.1,
    "Encrypt, one in flight": 3.2,
}


class Load:
    """Calls against one server. Requests are serialised beforehand and answers checked by their bytes, so that the generator is
    not what is measured; a real client has checked one of each first."""

    def __init__(self, server: Server, key_id: str) -> None:
        self._server = server
        self._key_id = key_id
        self._reading_key_id = new_key(server, READING_POLICY)
        self._endpoint = server.deployment.endpoint(HOME, "app")
        self._number = 0

    async def __aenter__(self) -> Load:
        with Client(self._endpoint) as client:
            blob = client.encrypt(key_id=self._key_id, plaintext=PLAINTEXT, encryption_context={"tenant": "a"}).ciphertext_blob
            assert client.decrypt(ciphertext_blob=blob, encryption_context={"tenant": "a"}).plaintext == PLAINTEXT
        self._channel = grpc.aio.secure_channel(self._endpoint.target, self._endpoint.credentials)
        other = self._server.deployment.endpoint(HOME, "alice")
        self._refused = grpc.aio.secure_channel(other.target, other.credentials)
        self._refused_encrypt: Any = self._refused.unary_unary(rpcs()["Encrypt"].path)
        self._health: Any = self._channel.unary_unary("/grpc.health.v1.Health/Check")
        names = ("Encrypt", "Decrypt", "GenerateDataKey")
        self._methods: dict[str, Any] = {name: self._channel.unary_unary(rpcs()[name].path) for name in names}
        self._encrypt = self._request("Encrypt", key_id=self._key_id, plaintext=PLAINTEXT, encryption_context={"tenant": "a"})
        self._decrypt = self._request("Decrypt", ciphertext_blob=blob, encryption_context={"tenant": "a"})
        spec = t.DATA_KEY_SPEC_AES_256
        self._data_key = self._request("GenerateDataKey", key_id=self._key_id, key_spec=spec, encryption_context={"tenant": "a"})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()
        await self._refused.close()

    @staticmethod
    def _request(name: str, **fields: object) -> bytes:
        return rpcs()[name].request_class(**fields).SerializeToString()

    async def no_op(self, _: int) -> None:
        assert await self._health(b"") == b"\x08\x01"

    async def encrypt(self, _: int) -> None:
        assert b"MK\x01\x01" in await self._methods["Encrypt"](self._encrypt)

    async def encrypt_new_context(self, number: int) -> None:
        self._number += 1
        context = {"tenant": f"t{self._number}", "object": f"s3://bucket/{number}"}
        request = self._request("Encrypt", key_id=self._key_id, plaintext=PLAINTEXT, encryption_context=context)
        assert b"MK\x01\x01" in await self._methods["Encrypt"](request)

    async def encrypt_new_decision(self, number: int) -> None:
        self._number += 1
        context = {"tenant": "a", "object": f"s3://bucket/{self._number}"}
        request = self._request("Encrypt", key_id=self._reading_key_id, plaintext=PLAINTEXT, encryption_context=context)
        assert b"MK\x01\x01" in await self._methods["Encrypt"](request)

    async def encrypt_refused(self, _: int) -> None:
        code = grpc.StatusCode.OK
        try:
            await self._refused_encrypt(self._encrypt)
        except grpc.aio.AioRpcError as refusal:
            code = refusal.code()
        assert code is grpc.StatusCode.PERMISSION_DENIED

    async def decrypt(self, _: int) -> None:
        assert PLAINTEXT in await self._methods["Decrypt"](self._decrypt)

    async def generate_data_key(self, _: int) -> None:
        assert b"MK\x01\x01" in await self._methods["GenerateDataKey"](self._data_key)

    def calling(self, path: str, request: bytes) -> Call:
        """A call with this request, over the same connection."""
        method: Any = self._channel.unary_unary(path)

        async def call(_: int) -> None:
            assert await method(request)

        return call

    async def measure(self, call: Call, calls: int, in_flight: int) -> tuple[float, float]:
        """(server CPU microseconds per call, calls per second)."""
        return await measure(self._server.pid, call, calls, in_flight)


def new_key(server: Server, policy: str = KEY_POLICY) -> str:
    """A key whose own policy opens it to the caller that is measured; what the account's policies say does not count for it."""
    group = 'KMS::Group::"111122223333/key-administrators"'
    administrators = f'permit (principal in {group}, action in KMS::Action::"Policy", resource is KMS::Key);'
    with Client(server.deployment.endpoint(HOME, "alice")) as alice:
        created = alice.create_key(policy=policy + administrators, account_delegation=False)
    return str(created.key_metadata.key_id)


async def rounds(server: Server, key_id: str, count: int, calls: int) -> dict[str, list[float]]:
    """Ratios per round, by name."""
    found: dict[str, list[float]] = {}
    syncs: list[float] = []
    async with Load(server, key_id) as load:
        for call in (
            load.no_op,
            load.encrypt,
            load.decrypt,
            load.generate_data_key,
            load.encrypt_new_context,
            load.encrypt_new_decision,
            load.encrypt_refused,
        ):
            await load.measure(call, calls // 4, 16)
        for _ in range(count):
            before, _ = await load.measure(load.no_op, calls, 16)
            lone_before, _ = await load.measure(load.no_op, calls // 4, 1)
            start = server.deployment.metrics(HOME)
            same, rate = await load.measure(load.encrypt, calls, 16)
            end = server.deployment.metrics(HOME)
            new, _ = await load.measure(load.encrypt_new_context, calls, 16)
            decided, _ = await load.measure(load.encrypt_new_decision, calls, 16)
            refused, _ = await load.measure(load.encrypt_refused, calls, 16)
            decrypt, _ = await load.measure(load.decrypt, calls, 16)
            data_key, _ = await load.measure(load.generate_data_key, calls, 16)
            lone, lone_rate = await load.measure(load.encrypt, calls // 4, 1)
            after, _ = await load.measure(load.no_op, calls, 16)
            lone_after, _ = await load.measure(load.no_op, calls // 4, 1)
            no_op, lone_no_op = (before + after) / 2, (lone_before + lone_after) / 2
            row = {
                "no-op, 16 in flight (µs)": no_op,
                "no-op, one in flight (µs)": lone_no_op,
                "Encrypt, same context, 16 in flight": same / no_op,
                "Encrypt, every context new, 16 in flight": new / no_op,
                "Encrypt, every decision new, 16 in flight": decided / no_op,
                "a refused Encrypt ÷ an allowed one": refused / same,
                "Encrypt, one in flight": lone / lone_no_op,
                "Decrypt ÷ Encrypt": decrypt / same,
                "GenerateDataKey ÷ Encrypt": data_key / same,
                "Encrypt per second, 16 in flight": rate,
                "Encrypt per second, one in flight": lone_rate,
            }
            syncs.append((end["meridian_audit_syncs_total"] - start["meridian_audit_syncs_total"]) / calls)
            for name, value in row.items():
                found.setdefault(name, []).append(value)
    found["fdatasyncs ÷ answers, 16 in flight"] = syncs
    return found


async def other_kinds(server: Server, count: int, calls: int) -> dict[str, list[float]]:
    """Ratios of keys of other kinds and of the AWS wire, per round."""

    async def cost(call: Callable[[], Awaitable[None]], number: int) -> float:
        return (await measure(server.pid, lambda _: call(), number, bench_kinds.IN_FLIGHT))[0]

    found = await bench_kinds.rounds(server.deployment, cost, count, calls)
    found["Encrypt by one grant of 50,000 ÷ by the only one"] = await bench_kinds.grants(server.deployment, cost, count, calls)
    return found


async def reloads(server: Server, key_id: str, count: int) -> tuple[list[float], list[float]]:
    async with Load(server, key_id) as load:
        return await bench_reload.longest_calls(server.deployment, load.encrypt, count)


def report_reloads(server: Server, key_id: str, count: int) -> None:
    quiet, changing = asyncio.run(reloads(server, key_id, count))
    report("longest call in quiet (ms)", quiet, None)
    report("longest call while 1,000 policies are taken (ms)", changing, 50)


async def many_keys(server: Server, count: int) -> None:
    async with AsyncClient(server.deployment.endpoint(HOME, "alice")) as alice:
        numbers = iter(range(count))
        rpc = rpcs()["CreateKey"]

        async def maker() -> None:
            for _ in numbers:
                await alice.call(rpc, rpc.request_class(), timeout=60)

        await asyncio.gather(*[maker() for _ in range(16)])


async def compare(small: Server, large: Server, keys: tuple[str, str], count: int, calls: int) -> list[float]:
    """Encrypt on the large Region ÷ Encrypt on the small one, round by round."""
    ratios = []
    async with Load(small, keys[0]) as one, Load(large, keys[1]) as two:
        for load in (one, two):
            await load.measure(load.encrypt, calls // 2, 16)
        for _ in range(count):
            ratios.append((await two.measure(two.encrypt, calls, 16))[0] / (await one.measure(one.encrypt, calls, 16))[0])
    return ratios


async def lone_rates(adaptive: Server, immediate: Server, keys: tuple[str, str], count: int, calls: int) -> list[float]:
    """Calls per second of a lone caller: adaptive commit ÷ immediate sync."""
    ratios = []
    async with Load(adaptive, keys[0]) as one, Load(immediate, keys[1]) as two:
        for load in (one, two):
            await load.measure(load.encrypt, calls // 8, 1)
        for _ in range(count):
            ratios.append((await one.measure(one.encrypt, calls // 4, 1))[1] / (await two.measure(two.encrypt, calls // 4, 1))[1])
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--keys", type=int, default=10_000, help="keys of the large Region; 0 leaves it out")
    parser.add_argument("--reloads", action="store_true", help="measure changes of the policies alone")
    options = parser.parse_args()
    os.sched_setaffinity(0, {GENERATOR})
    with tempfile.TemporaryDirectory(prefix="meridian-bench-") as folder:
        root = Path(folder)
        small = Server(root / "small")
        servers = [small]
        try:
            key = new_key(small)
            print("| measured | median [min-max] | limit |\n|---|---|---|")
            report_reloads(small, key, options.rounds)
            if options.reloads:
                return
            for name, values in asyncio.run(rounds(small, key, options.rounds, options.calls)).items():
                limit = LIMITS.get(name) or (1.15 if "÷ Encrypt" in name else 0.2 if "fdatasyncs" in name else None)
                report(name, values, limit)
            for name, values in asyncio.run(other_kinds(small, options.rounds, options.calls)).items():
                report(name, values, 2.3 if "raw" in name else 1.1 if "grant" in name else 0.35 if "batch" in name else None)
            immediate = Server(root / "immediate", audit="max_wait_seconds = 0.0\nmax_batch = 1\n")
            servers.append(immediate)
            rates = asyncio.run(lone_rates(small, immediate, (key, new_key(immediate)), options.rounds, options.calls))
            report("calls/s of a lone caller ÷ with a sync for each record at once", rates, 0.9, at_least=True)
            if options.keys:
                large = Server(root / "large", policies=985, principals=options.keys)
                servers.append(large)
                asyncio.run(many_keys(large, options.keys))
                ratios = asyncio.run(compare(small, large, (key, new_key(large)), options.rounds, options.calls))
                report(f"1,000 policies, {options.keys} keys and principals ÷ 15 and 10", ratios, 1.25)
        finally:
            for server in servers:
                server.close()


if __name__ == "__main__":
    main()
