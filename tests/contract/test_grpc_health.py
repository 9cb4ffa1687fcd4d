"""gRPC's health service on a real listener: every service by its name, as ready as the Region, and nobody is held up by who watches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from meridian.contract.catalog import served_rpcs
from meridian.transport import grpc_health
from meridian.transport.grpc_health import GrpcHealth
from meridian.transport.grpc_server import service_names

STATUS = health_pb2.HealthCheckResponse
SECONDS_MAX = 20.0
Story = Callable[[GrpcHealth, health_pb2_grpc.HealthStub, list[str]], Awaitable[None]]


def tell(story: Story) -> None:
    async def told() -> None:
        troubles: list[str] = []
        health, server = GrpcHealth(service_names(served_rpcs()), lambda: troubles), grpc.aio.server()
        health.add_to(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        health.look()
        try:
            async with asyncio.timeout(SECONDS_MAX), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                await story(health, health_pb2_grpc.HealthStub(channel), troubles)  # type: ignore[no-untyped-call]  # generated
        finally:
            await server.stop(0)

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
