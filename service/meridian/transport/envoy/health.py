"""gRPC's health service behind Envoy: the answers of `transport/grpc_health.py`, over ASGI.

Source: gRPC Health Checking Protocol (grpc.health.v1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import code_pb2
from grpc_health.v1 import health_pb2

from meridian.errors import CallerLeft
from meridian.transport.envoy.arrival import Arrival
from meridian.transport.envoy.arriving import TOO_MANY, Arriving, GivenUp
from meridian.transport.envoy.grpc_answers import BEGIN, Send, end_well, refuse
from meridian.transport.envoy.grpc_frames import FrameFault, encoding_of, framed
from meridian.transport.envoy.grpc_message import DISCONNECTED, Receive, UnaryMessage
from meridian.transport.envoy.grpc_wire import Service
from meridian.transport.grpc_health import GrpcHealth

QUESTION_BYTES_MAX: Final = 4096
"""The name of a service."""
CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"


class _Aborted(Exception):
    """The service has refused; with the code and the text of its status."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class _Context:
    """What the service is given in the place of gRPC's own context."""

    def __init__(self, peer: str, receive: Receive, send: Send) -> None:
        self._peer = peer
        self._receive = receive
        self._send = send
        self._has_begun = False

    def peer(self) -> str:
        return self._peer

    async def abort(self, code: grpc.StatusCode, text: str) -> None:
        """Raises: _Aborted."""
        raise _Aborted(int(code_pb2.Code.Value(code.name)), text)

    async def write(self, message: health_pb2.HealthCheckResponse) -> None:
        await self.begin()
        await self._send({"type": "http.response.body", "body": framed(message.SerializeToString()), "more_body": True})

    async def begin(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            await self._send(BEGIN)

    async def has_left(self) -> bool:
        """Whether the caller is gone; asked after his one message."""
        return bool((await self._receive())["type"] == DISCONNECTED)


class EnvoyHealth:
    """Both methods of the service."""

    def __init__(self, health: GrpcHealth, arriving: Arriving) -> None:
        self._health = health
        self._arriving = arriving
        self.services: Mapping[str, Service] = {CHECK: self.check, WATCH: self.watch}

    async def check(self, arrival: Arrival, receive: Receive, send: Send) -> None:
        context = _Context(arrival.peer, receive, send)
        try:
            answer = await self._health.Check(await self._question(arrival, receive), context)
        except (_Aborted, FrameFault) as fault:
            return await refuse(send, fault.code, fault.text)
        except CallerLeft:
            return None
        await context.begin()
        await send({"type": "http.response.body", "body": framed(answer.SerializeToString())})
        return await end_well(send, [])

    async def watch(self, arrival: Arrival, receive: Receive, send: Send) -> None:
        context = _Context(arrival.peer, receive, send)
        try:
            await self._health.Watch(await self._question(arrival, receive), context)
        except (_Aborted, FrameFault) as fault:
            return await refuse(send, fault.code, fault.text)
        except CallerLeft:
            return None
        await context.begin()
        await send({"type": "http.response.body", "body": b""})
        return await end_well(send, [])

    async def _question(self, arrival: Arrival, receive: Receive) -> health_pb2.HealthCheckRequest:
        """Raises: FrameFault; `errors.CallerLeft`."""
        message = UnaryMessage(receive, encoding_of(arrival.headers.get("grpc-encoding", "")), QUESTION_BYTES_MAX)
        try:
            return health_pb2.HealthCheckRequest.FromString(await self._arriving.read(lambda _: message.read()) or b"")
        except DecodeError as fault:
            raise FrameFault(code_pb2.INTERNAL, "The message cannot be read") from fault
        except GivenUp as fault:
            raise FrameFault(code_pb2.RESOURCE_EXHAUSTED, TOO_MANY) from fault
