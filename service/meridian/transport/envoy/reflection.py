"""gRPC's reflection service behind Envoy: the answers of its own package, over ASGI. Its stream is read message by message.

Source: gRPC Server Reflection Protocol (grpc.reflection.v1alpha).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from google.protobuf.message import DecodeError
from google.rpc import code_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from meridian.contract.catalog import Rpc
from meridian.transport.envoy.arrival import Arrival
from meridian.transport.envoy.arriving import TOO_MANY, Arriving, GivenUp
from meridian.transport.envoy.grpc_answers import BEGIN, Send, end_badly, end_well, refuse
from meridian.transport.envoy.grpc_frames import FRAME_HEAD_BYTES, FrameFault, encoding_of, framed, length_of, message_in
from meridian.transport.envoy.grpc_message import DISCONNECTED, Receive
from meridian.transport.grpc_server import service_names

PATH: Final = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
QUESTION_BYTES_MAX: Final = 4096
"""The name of a file, a symbol or an extension."""


class Reflection:
    """One method."""

    def __init__(self, rpcs: Mapping[str, Rpc], arriving: Arriving) -> None:
        self._arriving = arriving
        self._servicer = reflection.ReflectionServicer([*service_names(rpcs), reflection.SERVICE_NAME])
        self.services = {PATH: self.answer}

    async def answer(self, arrival: Arrival, receive: Receive, send: Send) -> None:
        """An answer to each question, until the caller has no more."""
        has_begun = False
        try:
            async for question in _questions(self._in_budget(receive), encoding_of(arrival.headers.get("grpc-encoding", ""))):
                for answer in self._servicer.ServerReflectionInfo(iter((question,)), None):
                    if not has_begun:
                        has_begun = True
                        await send(BEGIN)
                    await send({"type": "http.response.body", "body": framed(answer.SerializeToString()), "more_body": True})
        except FrameFault as fault:
            return await (end_badly if has_begun else refuse)(send, fault.code, fault.text)
        if not has_begun:
            await send(BEGIN)
        await send({"type": "http.response.body", "body": b""})
        return await end_well(send, [])

    def _in_budget(self, receive: Receive) -> Receive:
        async def read() -> dict[str, Any]:
            try:
                return await self._arriving.read(lambda _: receive())
            except GivenUp as fault:
                raise FrameFault(code_pb2.RESOURCE_EXHAUSTED, TOO_MANY) from fault

        return read


async def _questions(receive: Receive, encoding: str) -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
    """Raises: FrameFault."""
    unread, ends = b"", False
    while not ends:
        event = await receive()
        if event["type"] == DISCONNECTED:
            return
        unread += event.get("body", b"")
        ends = not event.get("more_body", False)
        while len(unread) >= FRAME_HEAD_BYTES and len(unread) >= (length := length_of(unread, QUESTION_BYTES_MAX)):
            yield _read(message_in(unread[:length], encoding, QUESTION_BYTES_MAX))
            unread = unread[length:]
    if unread:
        raise FrameFault(code_pb2.INTERNAL, "The call ended within a message")


def _read(message: bytes) -> reflection_pb2.ServerReflectionRequest:
    """Raises: FrameFault."""
    try:
        return reflection_pb2.ServerReflectionRequest.FromString(message)
    except DecodeError as fault:
        raise FrameFault(code_pb2.INTERNAL, "The message cannot be read") from fault
