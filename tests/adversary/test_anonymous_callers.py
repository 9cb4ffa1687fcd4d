"""Who cannot prove who he is costs little: nothing of his request is read, his records are few and small, his answers come late, and
others behind the same address are served at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest
from tests.deployment import HOME, Deployment

from meridian.client import AsyncClient, Client
from meridian.client.errors import KmsServiceError
from meridian.client.statuses import error_of
from meridian.contract.catalog import served_rpcs

pytestmark = pytest.mark.timeout(180)

CREATE = served_rpcs()["CreateKey"]
MARK = "shown-to-nobody"
FREE = 20
FLOOD = 150


@pytest.fixture
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One Region with every limit as it comes."""
    deployment = Deployment(tmp_path_factory.mktemp("flooded"), [HOME]).prepare()
    with deployment.serving():
        yield deployment


def told(region: Deployment) -> list[dict[str, Any]]:
    return [r for r in region.audit(HOME) if r["eventName"] == "AuthenticationFailed"]


def counted(region: Deployment) -> int:
    return sum(r["serviceEventDetails"]["count"] for r in told(region))


async def refused(client: AsyncClient, tags: int = 7000) -> float:
    """Seconds until an anonymous call with a large message is refused."""
    request: Any = CREATE.request_class(description=MARK)
    for number in range(tags):
        request.tags.add(tag_key=f"k{number}", tag_value="v")
    begun = time.monotonic()
    with pytest.raises(KmsServiceError) as caught:
        await client.call(CREATE, request, timeout=60)
    assert caught.value.code == "MissingAuthenticationTokenException"
    return time.monotonic() - begun


async def flood(region: Deployment) -> tuple[list[float], float]:
    """How long anonymous calls took, all at once, and how long a known caller from the same address waited in their midst."""
    endpoint = region.endpoint(HOME, "transport")
    async with AsyncClient(endpoint) as one, AsyncClient(endpoint) as other, AsyncClient(region.endpoint(HOME, "alice")) as alice:
        await alice.list_keys()
        calls = [asyncio.create_task(refused((one, other)[number % 2], tags=500)) for number in range(FLOOD)]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        begun = time.monotonic()
        await alice.list_keys()
        waited = time.monotonic() - begun
        assert not all(call.done() for call in calls)
        return await asyncio.gather(*calls), waited


def test_a_flood_is_told_in_few_small_records_and_delays_nobody_else(region: Deployment) -> None:
    begun = time.monotonic()
    took, known_caller = asyncio.run(flood(region))
    seconds = time.monotonic() - begun
    assert sum(time_ > 2.5 for time_ in took) >= FLOOD - 2 * FREE
    assert known_caller < 2.5
    region.wait_until(lambda: counted(region) == FLOOD)
    records = told(region)
    assert len(records) <= 2 * (seconds + 2)
    assert {r["serviceEventDetails"]["subject"] for r in records} == {"127.0.0.1"}
    first = records[0]["serviceEventDetails"]
    assert (first["operation"], first["code"], first["reason"]) == ("CreateKey", "MissingAuthenticationTokenException", "no credential")
    log = region.place(HOME).folder / "audit"
    text = b"".join(path.read_bytes() for path in log.glob("*"))
    assert MARK.encode() not in text
    assert max(map(len, text.splitlines())) < 2048
    assert not any(r["eventName"] == "CreateKey" for r in region.audit(HOME))
    metrics = region.metrics(HOME)
    assert metrics['meridian_security_events_total{event="AuthenticationFailed"}'] == FLOOD
    assert metrics['meridian_calls_total{operation="CreateKey",outcome="MissingAuthenticationTokenException"}'] == FLOOD


def test_the_first_failures_of_a_minute_are_answered_at_once_and_each_second_has_its_own_record(region: Deployment) -> None:
    async def some() -> list[float]:
        async with AsyncClient(region.endpoint(HOME, "transport")) as client:
            return [await refused(client, tags=0) for _ in range(FREE)]

    assert max(asyncio.run(some())) < 2.5
    region.wait_until(lambda: counted(region) == FREE)
    own = [r["serviceEventDetails"] for r in told(region) if "requestId" in r["serviceEventDetails"]]
    assert own
    assert all(details["count"] == 1 for details in own)


def test_nobody_is_delayed_where_that_is_switched_off(two_regions: Deployment) -> None:
    async def many() -> list[float]:
        async with AsyncClient(two_regions.endpoint(HOME, "transport")) as client:
            return [await refused(client, tags=0) for _ in range(2 * FREE)]

    assert max(asyncio.run(many())) < 2.5


@pytest.mark.parametrize("name", ["CreateKey", "EncryptBatch"])
def test_no_message_is_awaited_of_the_anonymous(two_regions: Deployment, name: str) -> None:
    assert silent(two_regions, "transport", name) == ("MissingAuthenticationTokenException", True)


def test_a_known_caller_who_sends_no_message_is_let_go(two_regions: Deployment) -> None:
    assert silent(two_regions, "alice", "CreateKey") == ("DependencyTimeoutException", False)
    with Client(two_regions.endpoint(HOME, "alice")) as alice:
        alice.list_keys()


@pytest.mark.parametrize("name", ["ListKeys", "Encrypt", "EncryptBatch"])
def test_a_call_that_ends_without_a_message_is_refused(two_regions: Deployment, name: str) -> None:
    own = two_regions.endpoint(HOME, "alice")
    with grpc.secure_channel(own.target, own.credentials) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.stream_unary(served_rpcs()[name].path)(iter(()), timeout=20)
    assert error_of(caught.value).code == "ValidationException"


def silent(region: Deployment, caller: str, name: str) -> tuple[str, bool]:
    """What a call is told that opens and sends no message, and whether it was told before a message could be given up."""

    async def never() -> AsyncIterator[bytes]:
        await asyncio.sleep(60)
        yield b""

    async def call() -> tuple[str, bool]:
        own = region.endpoint(HOME, caller)
        async with grpc.aio.secure_channel(own.target, own.credentials) as channel:
            way: grpc.aio.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(served_rpcs()[name].path)
            begun = time.monotonic()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await way(never(), timeout=30)
            return error_of(caught.value).code, time.monotonic() - begun < 4.0

    return asyncio.run(call())
