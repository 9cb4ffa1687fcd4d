"""Servers that answer every call of a client in one way, and keep the tokens that they saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from meridian.client import Endpoint
from meridian.client.statuses import DOMAIN
from meridian.contract.client_token import CLIENT_TOKEN

Answer = Callable[[int, grpc.ServicerContext], bytes]
"""To the call of this number."""
WAIT_SECONDS = 0.4
"""What a server that throttles asks of its callers."""
LONG_SECONDS = 60.0
"""Longer than a call of these may take."""


@dataclass
class Server:
    """Answers every call alike, and keeps the tokens that it saw."""

    answer: Callable[[int, grpc.ServicerContext], bytes]
    tokens: list[str | bytes | None] = field(default_factory=list)
    port: int = 0

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        def handle(_: bytes, context: grpc.ServicerContext) -> bytes:
            self.tokens.append(dict(context.invocation_metadata()).get(CLIENT_TOKEN))
            return self.answer(len(self.tokens), context)

        return grpc.unary_unary_rpc_method_handler(handle)


class PlainEndpoint(Endpoint):
    """Without files of certificates: the connection stays on this machine."""

    @property
    def credentials(self) -> Any:
        return grpc.experimental.insecure_channel_credentials()  # type: ignore[attr-defined]  # the stubs leave it out


def lost(_: int, context: grpc.ServicerContext) -> bytes:
    context.abort(grpc.StatusCode.UNAVAILABLE, "lost")
    raise AssertionError


def lost_twice(number: int, context: grpc.ServicerContext) -> bytes:
    return lost(number, context) if number < 3 else b""


def cancelled_twice(number: int, context: grpc.ServicerContext) -> bytes:
    """As gRPC does itself with what reaches a server that ends."""
    if number < 3:
        context.abort(grpc.StatusCode.CANCELLED, "")
    return b""


def refused(_: int, context: grpc.ServicerContext) -> bytes:
    return refuse("NotFoundException", grpc.StatusCode.NOT_FOUND, context)


def failed(_: int, context: grpc.ServicerContext) -> bytes:
    return refuse("KMSInternalException", grpc.StatusCode.INTERNAL, context)


def failed_twice(number: int, context: grpc.ServicerContext) -> bytes:
    return failed(number, context) if number < 3 else b""


def late_twice(number: int, context: grpc.ServicerContext) -> bytes:
    return refuse("DependencyTimeoutException", grpc.StatusCode.UNAVAILABLE, context) if number < 3 else b""


def refuse(reason: str, code: grpc.StatusCode, context: grpc.ServicerContext) -> bytes:
    status = status_pb2.Status(code=code.value[0])
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN))
    context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError


def throttled_twice(number: int, context: grpc.ServicerContext) -> bytes:
    return throttle(WAIT_SECONDS, context) if number < 3 else b""


def throttled(_: int, context: grpc.ServicerContext) -> bytes:
    return throttle(WAIT_SECONDS, context)


def throttled_for_long(_: int, context: grpc.ServicerContext) -> bytes:
    return throttle(LONG_SECONDS, context)


def throttle(seconds: float, context: grpc.ServicerContext) -> bytes:
    status = status_pb2.Status(code=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], message="slowly")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="ThrottlingException", domain=DOMAIN))
    delay = Duration()
    delay.FromMilliseconds(round(seconds * 1000))
    status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError
