"""Keys in an external key store: an Encrypt ÷ the signed call of its proxy that it needs, ÷ that and an Encrypt on an own key together, how
many a second, and what a store that hangs costs the Region's own keys.

The proxy is the tests' own, a process on this machine that speaks HTTPS; it shares the cores with the Region, and is the slower of the
two. The signed call is made by the same client, so that the ratio is what the service adds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hmac
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench_process import cpu_seconds, report
from tests.deployment import HOME
from tests.scenario.xks import Outside, new_prefix, outside
from tests.xks_proxy import ACCESS_KEY_ID, HOST, SECRET

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.traces import Untraced
from meridian.adapters.xks_proxy import messages
from meridian.adapters.xks_proxy.connection import ProxyConnection
from meridian.adapters.xks_proxy.endpoint import Endpoint, key_path
from meridian.adapters.xks_proxy.lookups import Lookups
from meridian.bootstrap.key_stores import surroundings
from meridian.contract.catalog import rpcs
from meridian.domain.limits import Limits
from meridian.identity import ProxyTls
from meridian.ports.key_store import AskedFor
from meridian.settings_proxies import KeyStoreProxySettings

SETTINGS = "limits.key_store_attempt_seconds = 2.0\nlimits.key_store_requests_per_second = 1000000\n"
SEALED, BINDING = bytes(48), bytes(32)
IN_FLIGHT = 64
OTHERS = 64
PAUSE_SECONDS = 0.1
"""Between two calls of one of the other callers, as clients pause before they try again."""
HANGS_BESIDE_ANSWERS = "p99 of local Encrypts beside callers of a store that hangs ÷ beside as many of one that answers"
HANGS_BESIDE_NOBODY = "p99 of local Encrypts beside callers of a store that hangs ÷ beside nobody"
LIMITS = {
    "Encrypt on an external key ÷ one signed call": 2.0,
    "the same, CPU": 2.0,
    HANGS_BESIDE_ANSWERS: 1.5,
}
LEAST = {"Encrypts on external keys per second, 64 in flight": 1800.0}


class Signer:
    """Signs as the service does, with the secret of the tests' proxy."""

    access_key_id = ACCESS_KEY_ID

    def __init__(self) -> None:
        self._day, self._key = "", b""

    def sign(self, day: str, region: str, service: str, text: bytes) -> str:
        if day != self._day:
            key = f"AWS4{SECRET}".encode()
            for part in (day, region, service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._day, self._key = day, key
        return hmac.digest(self._key, text, "sha256").hex()


class Load:
    """Calls to a Region and to its proxy."""

    def __init__(self, world: Outside, own: str, external: str, hanging: str, lookups: Lookups) -> None:
        endpoint = world.region.endpoint(HOME, "app")
        self._channel = grpc.aio.secure_channel(endpoint.target, endpoint.credentials)
        self._encrypt: Any = self._channel.unary_unary(rpcs()["Encrypt"].path)
        self._requests = [self._request(arn) for arn in (own, external, hanging)]
        settings = KeyStoreProxySettings(
            trusted_roots=world.proxy.roots,
            networks=("127.0.0.1/32",),  # type: ignore[arg-type]  # read by pydantic
            hosts={world.proxy.host: f"{HOST}:{world.proxy.port}"},
        )
        limits = Limits(key_store_attempt_seconds=5.0, key_store_requests_per_second=1e6)
        trust = ProxyTls(settings, SystemClock()).context
        around = surroundings(
            settings,
            limits,
            region=HOME,
            clock=SystemClock(),
            lookups=lookups,
            trust=lambda: trust,
            count=lambda *_: None,
            traces=Untraced(),
        )
        self.proxy = ProxyConnection(
            Endpoint("111122223333", "cks-0", world.proxy.host, f"{new_prefix()}/kms/xks/v1", None), Signer(), around
        )

    @staticmethod
    def _request(arn: str) -> bytes:
        return rpcs()["Encrypt"].request_class(key_id=arn, plaintext=bytes(32)).SerializeToString()

    async def close(self) -> None:
        await self.proxy.close()
        await self._channel.close()

    async def own(self) -> None:
        assert b"MK\x01\x01" in await self._encrypt(self._requests[0])

    async def own_at_last(self) -> None:
        """As a client does it: a refusal for want of room or time is tried again, and its time counts."""
        while True:
            try:
                return await self.own()
            except grpc.aio.AioRpcError as error:
                if error.code() not in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE):
                    raise
            await asyncio.sleep(PAUSE_SECONDS)

    async def external(self) -> None:
        assert b"MK\x01\x02" in await self._encrypt(self._requests[1])

    async def answered(self) -> None:
        """One of many others, on the store that answers."""
        await self._be_in_the_way(1)

    async def hang(self) -> None:
        """One of many others, on the store that hangs."""
        await self._be_in_the_way(2)

    async def _be_in_the_way(self, which: int) -> None:
        with contextlib.suppress(grpc.aio.AioRpcError):
            await self._encrypt(self._requests[which], timeout=20)
        await asyncio.sleep(PAUSE_SECONDS)

    async def signed_call(self) -> None:
        asked = AskedFor("bench", "Encrypt", "arn:aws:iam::111122223333:user/bench")
        answer = await self.proxy.ask(key_path("bench", "encrypt"), messages.encrypt_request(asked, "arn", SEALED, BINDING))
        messages.read_encrypted(answer, len(SEALED), BINDING)


async def seconds_of(call: Callable[[], Awaitable[None]], count: int) -> list[float]:
    """Of each call, one after the other."""
    found = []
    for _ in range(count):
        began = time.perf_counter()
        await call()
        found.append(time.perf_counter() - began)
    return found


async def cpu_of(world: Outside, load: Load, calls: int) -> tuple[float, float, float]:
    """CPU seconds of the Region's process for Encrypts on an external key and on an own one, and of this process for as many signed calls:
    what a busy machine leaves as it is."""
    pid = world.region.processes[HOME].pid
    began = cpu_seconds(pid)
    await per_second(load.external, calls)
    between = cpu_seconds(pid)
    await per_second(load.own, calls)
    after, mine = cpu_seconds(pid), time.process_time()
    await per_second(load.signed_call, calls)
    return between - began, after - between, time.process_time() - mine


async def per_second(call: Callable[[], Awaitable[None]], count: int) -> float:
    numbers = iter(range(count))

    async def caller() -> None:
        for _ in numbers:
            await call()

    began = time.perf_counter()
    await asyncio.gather(*[caller() for _ in range(IN_FLIGHT)])
    return count / (time.perf_counter() - began)


def p99(seconds: list[float]) -> float:
    return sorted(seconds)[len(seconds) * 99 // 100]


async def beside_a_hanging_store(load: Load, calls: int) -> dict[str, float]:
    """p99 of local calls while others call a store that hangs, ÷ while as many call one that answers, and ÷ while nobody else calls: the
    first is what hanging costs, the second has the price of the others' calls in it too."""
    quiet = p99(await seconds_of(load.own_at_last, calls))
    answering = p99(await _beside(load, load.answered, calls))
    hanging = p99(await _beside(load, load.hang, calls))
    return {HANGS_BESIDE_ANSWERS: hanging / answering, HANGS_BESIDE_NOBODY: hanging / quiet}


async def _beside(load: Load, other: Callable[[], Awaitable[None]], calls: int) -> list[float]:
    is_over = asyncio.Event()

    async def caller() -> None:
        while not is_over.is_set():
            await other()

    others = [asyncio.create_task(caller()) for _ in range(OTHERS)]
    await asyncio.sleep(1.0)
    try:
        return await seconds_of(load.own_at_last, calls)
    finally:
        is_over.set()
        await asyncio.gather(*others)


async def _rounds(world: Outside, arns: tuple[str, str, str], count: int, calls: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    with closing(Lookups()) as lookups:
        load = Load(world, *arns, lookups)
        try:
            for call in (load.own, load.external, load.signed_call):
                await seconds_of(call, calls // 8)
            for _ in range(count):
                before = await seconds_of(load.signed_call, calls // 8)
                whole = await seconds_of(load.external, calls // 4)
                own = await seconds_of(load.own, calls // 4)
                after = await seconds_of(load.signed_call, calls // 8)
                signed, local = statistics.median(before + after), statistics.median(own)
                cpu_whole, cpu_local, cpu_signed = await cpu_of(world, load, calls)
                row = {
                    "Encrypt on an external key ÷ one signed call": statistics.median(whole) / signed,
                    "the same, CPU": cpu_whole / cpu_signed,
                    "Encrypt on an own key ÷ one signed call": local / signed,
                    "the same, CPU, own": cpu_local / cpu_signed,
                    "Encrypt on an external key ÷ one on an own key and one signed call": statistics.median(whole) / (local + signed),
                    "the same, CPU, both": cpu_whole / (cpu_local + cpu_signed),
                    "Encrypts on external keys per second, 64 in flight": await per_second(load.external, calls),
                    "Encrypts on own keys per second, 64 in flight": await per_second(load.own, calls),
                    "signed calls per second, 64 in flight, without the service": await per_second(load.signed_call, calls),
                    **await beside_a_hanging_store(load, calls // 4),
                }
                for name, value in row.items():
                    found.setdefault(name, []).append(value)
        finally:
            await load.close()
    return found


def rounds(folder: Path, count: int, calls: int) -> dict[str, list[float]]:
    """Figures of each round, by name."""
    with outside(folder, SETTINGS) as world, world.region.client(caller="developer") as alice:
        own = alice.create_key().key_metadata.arn
        external = world.key(alice, world.connected(alice, new_prefix()), "bench").arn
        away = new_prefix()
        hanging = world.key(alice, world.connected(alice, away), "hangs").arn
        world.proxy.tell(away, mode={"sleep": 60.0})
        return asyncio.run(_rounds(world, (own, external, hanging), count, calls))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--calls", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="meridian-bench-") as folder:
        print("| measured | median [min-max] | limit |\n|---|---|---|")
        for name, values in rounds(Path(folder), options.rounds, options.calls).items():
            report(name, values, LIMITS.get(name) or LEAST.get(name), at_least=name in LEAST)


if __name__ == "__main__":
    main()
