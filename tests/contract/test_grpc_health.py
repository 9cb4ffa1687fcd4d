"""gRPC's health service on a real listener: every service by its name, as ready as the Region, and nobody is held up by who watches."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.network import Relay

from meridian.cli.region_place import HOST
from meridian.contract.catalog import served_rpcs
from meridian.transport import grpc_health
from meridian.transport.grpc_health import GrpcHealth
from meridian.transport.grpc_server import service_names

STATUS = health_pb2.HealthCheckResponse
SECONDS_MAX = 20.0
OTHER = "127.0.0.2"
Story = Callable[[GrpcHealth, health_pb2_grpc.HealthStub, list[str]], Awaitable[None]]


@contextlib.asynccontextmanager
async def served(health: GrpcHealth) -> AsyncIterator[int]:
    """The port of a listener with it, for some seconds."""
    server = grpc.aio.server()
    health.add_to(server)
    port = server.add_insecure_port(f"{HOST}:0")
    await server.start()
    health.look()
    try:
        async with asyncio.timeout(SECONDS_MAX):
            yield port
    finally:
        await server.stop(0)


def new_channel(port: int) -> grpc.aio.Channel:
    """Which has its own connection."""
    return grpc.aio.insecure_channel(f"{HOST}:{port}", options=[("grpc.use_local_subchannel_pool", 1)])


def tell(story: Story) -> None:
    async def told() -> None:
        troubles: list[str] = []
        health = GrpcHealth(service_names(served_rpcs()), lambda: troubles)
        async with served(health) as port, new_channel(port) as channel:
            await story(health, health_pb2_grpc.HealthStub(channel), troubles)

    asyncio.run(told())


def asked(service: str) -> health_pb2.HealthCheckRequest:
    return health_pb2.HealthCheckRequest(service=service)


def test_every_service_is_known_by_its_name_and_is_as_ready_as_the_region() -> None:
    async def story(health: GrpcHealth, stub: health_pb2_grpc.HealthStub, troubles: list[str]) -> None:
        names = ["", *service_names(served_rpcs())]
        assert "meridian.kms.v1.KeysService" in names
        assert {(await stub.Check(asked(name))).status for name in names} == {STATUS.SERVING}
        troubles.append("the audit log cannot be written")
        health.look()
        assert {(await stub.Check(asked(name))).status for name in names} == {STATUS.NOT_SERVING}

    tell(story)


def test_a_service_that_is_not_there_is_not_found() -> None:
    async def story(health: GrpcHealth, stub: health_pb2_grpc.HealthStub, troubles: list[str]) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Check(asked("meridian.kms.v1.Nothing"))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert (await anext(aiter(stub.Watch(asked("meridian.kms.v1.Nothing"))))).status == STATUS.SERVICE_UNKNOWN

    tell(story)


def test_a_watch_is_told_each_change_and_ends_with_the_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_health, "LOOK_SECONDS", 0.05)

    async def story(health: GrpcHealth, stub: health_pb2_grpc.HealthStub, troubles: list[str]) -> None:
        watch = aiter(stub.Watch(asked("")))
        assert (await anext(watch)).status == STATUS.SERVING
        troubles.append("ends")
        health.look()
        assert (await anext(watch)).status == STATUS.NOT_SERVING
        health.end_watches()
        with pytest.raises(StopAsyncIteration):
            await anext(watch)

    tell(story)


def test_watches_are_bounded_and_checks_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_health, "WATCHES_MAX", 2)

    async def story(health: GrpcHealth, stub: health_pb2_grpc.HealthStub, troubles: list[str]) -> None:
        held = [stub.Watch(asked("")) for _ in range(2)]
        assert [(await anext(aiter(watch))).status for watch in held] == [STATUS.SERVING] * 2
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await anext(aiter(stub.Watch(asked(""))))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (await stub.Check(asked(""))).status == STATUS.SERVING
        for watch in held:
            watch.cancel()

    tell(story)


class Watcher:
    """Holds what watches it is given."""

    def __init__(self, port: int) -> None:
        self.channel = new_channel(port)
        self.held: list[Any] = []

    async def gets(self, count: int) -> int:
        """How many of so many more."""
        stub, got = health_pb2_grpc.HealthStub(self.channel), 0
        for _ in range(count):
            watch = stub.Watch(asked(""))
            refused = False
            try:
                await anext(aiter(watch))
            except grpc.aio.AioRpcError:
                refused = True
            if refused:
                assert await watch.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            else:
                self.held.append(watch)
                got += 1
        return got


def test_neither_a_connection_nor_an_address_has_all_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever leaves makes room for others of his address."""
    monkeypatch.setattr(grpc_health, "WATCHES_PER_CONNECTION", 3)
    monkeypatch.setattr(grpc_health, "WATCHES_PER_ADDRESS", 5)
    health = GrpcHealth([], list)

    async def told(elsewhere: Relay) -> None:
        async with served(health) as port:
            ports.append(port)
            greedy = [Watcher(port) for _ in range(3)]
            assert [await each.gets(4) for each in greedy] == [3, 2, 0]
            honest = Watcher(elsewhere.port)
            assert await honest.gets(1) == 1
            await greedy[0].channel.close()
            while not await greedy[2].gets(1):
                await asyncio.sleep(0.01)
            for each in (*greedy[1:], honest):
                await each.channel.close()

    ports: list[int] = []
    with contextlib.closing(Relay(lambda: ports[0], OTHER)) as relay:
        asyncio.run(told(relay))
