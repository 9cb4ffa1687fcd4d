"""What answers behind Envoy: the same walk as behind grpcio, and how that listener ends."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from meridian.bootstrap.call_edge import GrpcCalls
from meridian.bootstrap.core import Core
from meridian.bootstrap.envoy_files import FrontFiles
from meridian.contract.catalog import served_rpcs
from meridian.transport.envoy.admin import EnvoyAdmin
from meridian.transport.envoy.application import FrontApplication
from meridian.transport.envoy.arriving import WAITING_BYTES, Arriving
from meridian.transport.envoy.departures import Departures
from meridian.transport.envoy.front_values import FrontPlaces
from meridian.transport.envoy.grpc_wire import GrpcWire, Service
from meridian.transport.envoy.health import EnvoyHealth
from meridian.transport.envoy.http_wire import HttpWire
from meridian.transport.grpc_health import GrpcHealth
from meridian.transport.http1.application import Application
from meridian.transport.http1.connection import ARRIVING_BYTES_MAX

LOOK_SECONDS: Final = 0.02
WRITTEN_SECONDS: Final = 1.0
"""Until the last answers have left Envoy."""


class EnvoyFront:
    """From the moment when the Region answers until its listener ends."""

    def __init__(
        self,
        core: Core,
        places: FrontPlaces,
        health: GrpcHealth,
        aws: Application,
        calls: GrpcCalls,
    ) -> None:
        self._core = core
        self._admin = EnvoyAdmin(places.admin_socket)
        departures = Departures()
        limits = core.settings.limits
        arriving = self._arriving = Arriving(max(ARRIVING_BYTES_MAX, WAITING_BYTES + limits.request_bytes))
        grpc = GrpcWire(
            {rpc.path: rpc for rpc in served_rpcs().values()},
            calls.walks,
            calls.around,
            edge=calls.edge,
            departures=departures,
            services=_services(health, arriving, reflected=core.settings.reflection),
        )
        http = HttpWire(aws, body_bytes_max=limits.request_bytes, events=core.events, departures=departures, arriving=arriving)
        self.application = FrontApplication(grpc, http, core.events)
        files = FrontFiles(places, core.settings.grpc.tls.private_key)
        files.write_tls(core.files.grpc.files)  # as they are now: they may have changed since Envoy was started
        core.files.grpc.on_change = files.write_tls

    def overloaded(self) -> int:
        """How many requests were refused because too many were arriving."""
        return self._arriving.overloaded

    async def listening(self, seconds: float) -> None:
        """Return when the port takes connections: Envoy opens it once the application has started. Raises: TimeoutError."""
        async with asyncio.timeout(seconds):
            while not await self._listens():  # noqa: ASYNC110 - Envoy tells nobody; bounded in time
                await asyncio.sleep(LOOK_SECONDS)

    async def _listens(self) -> bool:
        try:
            return await self._admin.listens()
        except (OSError, TimeoutError):
            return False  # it does not answer yet

    async def stop(self, grace_seconds: float) -> None:
        """Take no new connection, tell every client that his ends, and return when every request is answered, down to its last byte."""
        loop = asyncio.get_running_loop()
        until = loop.time() + grace_seconds
        try:
            await self._admin.drain()
        except (OSError, TimeoutError) as fault:
            self._core.events.report_fault(fault, during="the end of Envoy's listener")
        await self.application.ended(max(0.0, until - loop.time()))
        await self._written(until + WRITTEN_SECONDS)

    async def _written(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            while loop.time() < until and await self._admin.active():  # noqa: ASYNC110 - Envoy tells nobody when it is done; bounded in time
                await asyncio.sleep(LOOK_SECONDS)
        except (OSError, TimeoutError) as fault:
            self._core.events.report_fault(fault, during="the last answers of Envoy's listener")


def _services(health: GrpcHealth, arriving: Arriving, *, reflected: bool) -> Mapping[str, Service]:
    services: dict[str, Service] = dict(EnvoyHealth(health, arriving).services)
    if reflected:
        from meridian.transport.envoy.reflection import Reflection  # here: a Region without it does not wait for it

        services |= Reflection(served_rpcs(), arriving).services
    return services
