"""The ASGI application behind Envoy: gRPC and the AWS wire on one port, told apart by what a request says it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final

from google.rpc import code_pb2

from meridian.ports.security_events import SecurityEvents
from meridian.transport.envoy.arrival import Scope
from meridian.transport.envoy.grpc_answers import Send, refuse, refuse_http
from meridian.transport.envoy.grpc_frames import CONTENT_TYPE
from meridian.transport.envoy.grpc_message import Receive
from meridian.transport.envoy.grpc_wire import GrpcWire
from meridian.transport.envoy.http_wire import HttpWire

TYPE_HEADER: Final = b"content-type"
GRPC: Final = CONTENT_TYPE.encode()
LOOK_SECONDS: Final = 0.02
QUIET_LOOKS: Final = 5
"""When nothing is under way and nothing arrives from one look to the next, so many times in a row."""


class FrontApplication:
    """Everything that arrives at the port. Belongs to one event loop."""

    def __init__(self, grpc: GrpcWire, http: HttpWire, events: SecurityEvents) -> None:
        self._grpc = grpc
        self._http = http
        self._events = events
        self._has_ended = False
        self._arrived = 0
        self._open = 0

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Never raises: what leaves here would be written to standard error with what it holds."""
        self._arrived += 1
        self._open += 1
        try:
            await self._answering(scope, receive, send)
        except asyncio.CancelledError:
            return  # whoever asked is gone
        except Exception as fault:
            if not _is_of_who_left(fault):
                self._events.report_fault(fault, during="the front")
        finally:
            self._open -= 1

    async def ended(self, seconds: float) -> None:
        """Return when every request is answered and none arrives any more, or after so many seconds; whoever comes later is refused."""
        loop = asyncio.get_running_loop()
        until, looks_left, before = loop.time() + seconds, QUIET_LOOKS, self._arrived
        while looks_left and loop.time() < until:
            await asyncio.sleep(LOOK_SECONDS)
            looks_left = looks_left - 1 if not self._open and self._arrived == before else QUIET_LOOKS
            before = self._arrived
        self._has_ended = True

    def _answering(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        is_grpc = self._grpc.has(scope["raw_path"].decode("latin-1")) or _content_type(scope).startswith(GRPC)
        if self._has_ended and is_grpc:
            return refuse(send, code_pb2.UNAVAILABLE, "The service is ending.")
        if self._has_ended:
            return refuse_http(send, 503, "The service is ending.")
        return (self._grpc if is_grpc else self._http).serve(scope, receive, send)


def _content_type(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == TYPE_HEADER:
            found: bytes = value
            return found
    return b""


def _is_of_who_left(fault: Exception) -> bool:
    """What a send to nobody raises; its class belongs to the module that embeds this interpreter."""
    return type(fault).__name__ == "ClientDisconnectedError"
