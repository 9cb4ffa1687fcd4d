"""Who holds connections to the health port keeps nobody out."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry
from tests.ports import free_port

from meridian.k8s_kms.health_port import CONNECTIONS_MAX, HOST, HealthPort


@pytest.mark.asyncio
async def test_idle_connections_make_room_for_a_newcomer_the_longest_first() -> None:
    async def well() -> str:
        return ""

    port, health = free_port(), HealthPort(CollectorRegistry(), well)
    await health.start(port)
    held = [await asyncio.open_connection(HOST, port) for _ in range(CONNECTIONS_MAX)]
    for _, writer in held:
        writer.write(b"GET /")
        await writer.drain()
    while len(health._connections) < CONNECTIONS_MAX:
        await asyncio.sleep(0.001)
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(b"GET /livez HTTP/1.1\r\n\r\n")
    async with asyncio.timeout(3):
        assert (await reader.read()).endswith(b"ok\n")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await held[0][0].readexactly(1)
    held[-1][1].write(b"livez HTTP/1.1\r\n\r\n")
    async with asyncio.timeout(3):
        assert (await held[-1][0].read()).endswith(b"ok\n"), "the newest of them is served"
    for _, writer in held:
        writer.close()
    health.stop()
