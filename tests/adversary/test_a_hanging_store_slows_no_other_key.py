"""Stores that hang, with more calls than all places of calls with symmetric keys, on a real Region: keys that need no store are as quick
as before.

A machine that others keep busy is as slow in both parts of a round, and a round is judged by its medians.
"""

from __future__ import annotations

import asyncio
import secrets
import statistics
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest
from tests.deployment import HOME
from tests.scenario.xks import Outside, new_prefix, outside

from meridian.contract.catalog import rpcs
from meridian.domain.gates import RETRY_SECONDS, WORKING_MAX, GateName

ROUNDS, STORES, OF_EACH = 3, 3, 100
SLOWER_MOST = 1.5
CALLS = 80
# A call hangs for one attempt: once others got no answer either, it is not made again.
HANG = "limits.key_store_attempt_seconds = 12.0\nlimits.deadline_seconds_default = 30\n"
PATIENT_SECONDS = 29.0
ALL_PLACES = WORKING_MAX[GateName.SYMMETRIC](2)
WORKING = 'meridian_calls_working{class="outside"}'


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    with outside(tmp_path_factory.mktemp("hanging"), HANG) as made:
        yield made


class Caller:
    """Encrypts, over connections of its own."""

    def __init__(self, world: Outside) -> None:
        endpoint = world.region.endpoint(HOME, "app")
        # Connections of one process to one place would be one connection.
        options = [("grpc.use_local_subchannel_pool", 1), ("meridian.test", secrets.randbits(30))]
        self.channel = grpc.aio.secure_channel(endpoint.target, endpoint.credentials, options=options)
        self._encrypt: Any = self.channel.unary_unary(rpcs()["Encrypt"].path)

    async def encrypt(self, arn: str) -> str:
        """How it ended."""
        request = rpcs()["Encrypt"].request_class(key_id=arn, plaintext=b"x").SerializeToString()
        try:
            await self._encrypt(request, timeout=PATIENT_SECONDS)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "OK"

    async def hang(self, arn: str) -> str:
        """How it ended, after as many tries as the entrance of a busy process wanted."""
        while (ended := await self.encrypt(arn)) == "RESOURCE_EXHAUSTED":
            await asyncio.sleep(RETRY_SECONDS / 2)
        return ended

    async def median(self, arn: str) -> float:
        """Seconds of a call that is answered; of those that a busy process sheds, few, another is made."""
        seconds: list[float] = []
        for _ in range(2 * CALLS):
            began = time.perf_counter()
            if (ended := await self.encrypt(arn)) == "OK":
                seconds.append(time.perf_counter() - began)
            else:
                assert ended == "RESOURCE_EXHAUSTED"
                await asyncio.sleep(RETRY_SECONDS / 2)
            if len(seconds) == CALLS:
                break
        assert len(seconds) == CALLS, "it is served while the stores hang"
        return statistics.median(seconds)


async def ratio(world: Outside, own: str, external: list[str]) -> float:
    """How much slower the Region's own key is while the stores of all the others hang."""
    async with AsyncExitStack() as stack:
        callers = [Caller(world) for _ in range(1 + len(external))]
        for caller in callers:
            await stack.enter_async_context(caller.channel)
        quiet = await callers[0].median(own)
        hanging = [asyncio.create_task(caller.hang(arn)) for caller, arn in zip(callers[1:], external, strict=True) for _ in range(OF_EACH)]
        await asyncio.to_thread(world.region.wait_until, lambda: world.region.metrics(HOME)[WORKING] > ALL_PLACES)
        beside = await callers[0].median(own)
        assert not any(task.done() for task in hanging), "they hang all the while"
        assert set(await asyncio.gather(*hanging)) == {"FAILED_PRECONDITION"}
    return beside / quiet


@pytest.mark.deep
@pytest.mark.timeout(240)
def test_local_keys_are_as_quick_beside_stores_that_hang(world: Outside) -> None:
    found = []
    with world.region.client(caller="developer") as alice:
        own = alice.create_key().key_metadata.arn
        for _ in range(ROUNDS):
            prefixes = [new_prefix() for _ in range(STORES)]
            keys = [world.key(alice, world.connected(alice, prefix), "hangs").arn for prefix in prefixes]
            for prefix in prefixes:
                world.proxy.tell(prefix, mode={"sleep": 60.0})
            found.append(asyncio.run(ratio(world, own, keys)))
    print(f"local Encrypt beside hanging stores ÷ without: {[round(each, 2) for each in found]}")
    assert statistics.median(found) <= SLOWER_MOST
