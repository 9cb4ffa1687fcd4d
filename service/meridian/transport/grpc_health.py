"""gRPC's health service: every service by its name, and "" for all of them, serving while the Region is ready.

The package's own servicer writes to a watcher while it holds what the next status needs: a watcher who does not read would stop it for all.

Source: gRPC Health Checking Protocol (grpc.health.v1).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, Final, Protocol, runtime_checkable

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from meridian.domain.addresses import network_of
from meridian.transport.grpc_evidence import peer_address

ALL: Final = ""
LOOK_SECONDS: Final = 1.0
"""How old an answer may be."""
WATCHES_MAX: Final = 1024
WATCHES_PER_ADDRESS: Final = 256
"""Many callers may have one address; four that have nothing to do with each other have all there are."""
WATCHES_PER_CONNECTION: Final = 32
"""A client watches one service, or each of those it calls."""
STATUS: Final = health_pb2.HealthCheckResponse


async def has_left(context: Any) -> bool:
    """Whether the caller of a watch is gone. grpcio ends such a watch itself; a front that does not is asked."""
    return isinstance(context, AskedContext) and await context.has_left()


@runtime_checkable
class AskedContext(Protocol):
    """The context of a front that does not end calls whose caller is gone."""

    async def has_left(self) -> bool: ...


class GrpcHealth(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # a package without types
    """Answers from what `follow` saw last."""

    def __init__(self, services: Collection[str], troubles: Callable[[], list[str]]) -> None:
        self._services = frozenset((ALL, *services))
        self._troubles = troubles
        self._status = STATUS.NOT_SERVING
        self._watches: Counter[str] = Counter()
        """In all, under "", and of each address and connection that has any."""
        self._ending = asyncio.Event()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serve it there."""
        health_pb2_grpc.add_HealthServicer_to_server(self, server)

    def look(self) -> None:
        """See whether the Region is ready."""
        self._status = STATUS.NOT_SERVING if self._troubles() else STATUS.SERVING

    async def follow(self) -> None:
        """Look, as long as the Region serves."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def end_watches(self) -> None:
        """A watch lasts as long as its caller likes; a listener that stops does not wait for it."""
        self._ending.set()

    async def Check(self, request: Any, context: Any) -> Any:
        """The present status. NOT_FOUND for a service that is not served here."""
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return STATUS(status=self._status)

    async def Watch(self, request: Any, context: Any) -> None:
        """The present status and each that follows, until the caller leaves or the listener stops. RESOURCE_EXHAUSTED for too many."""
        connection: str = context.peer()
        most = {"": WATCHES_MAX, network_of(peer_address(connection)): WATCHES_PER_ADDRESS, connection: WATCHES_PER_CONNECTION}
        if any(self._watches[whose] >= count for whose, count in most.items()):
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many watches")
        self._watches.update(most.keys())
        try:
            await self._watch(request.service, context)
        finally:
            self._watches.subtract(most.keys())
            for whose in most:
                if not self._watches[whose]:
                    del self._watches[whose]

    async def _watch(self, service: str, context: Any) -> None:
        told = None
        while not (self._ending.is_set() or await has_left(context)):
            status = self._status if service in self._services else STATUS.SERVICE_UNKNOWN
            if status != told:
                await context.write(STATUS(status=status))
                told = status
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), LOOK_SECONDS)
