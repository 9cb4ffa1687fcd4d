"""Answers of gRPC over ASGI: a message with trailers, or a status alone, as headers that end the stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from meridian.errors import KmsError
from meridian.transport.call_edge import REQUEST_ID
from meridian.transport.envoy.grpc_frames import ACCEPTED, CONTENT_TYPE, binary, framed, message_text
from meridian.transport.error_table import sent_status

Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

TYPE: Final = (b"content-type", CONTENT_TYPE.encode())
ACCEPTS: Final = (b"grpc-accept-encoding", ACCEPTED.encode())
BEGIN: Final = {"type": "http.response.start", "status": 200, "headers": [TYPE], "trailers": True}
WELL: Final = (b"grpc-status", b"0")
ID: Final = REQUEST_ID.encode()


async def answer(send: Send, message: bytes, request_id: str) -> None:
    """One message, and that all is well."""
    await send(BEGIN)
    await send({"type": "http.response.body", "body": framed(message)})
    await send({"type": "http.response.trailers", "headers": [WELL, (ID, request_id.encode())]})


async def end_well(send: Send, trailers: Headers) -> None:
    """After the last message."""
    await send({"type": "http.response.trailers", "headers": [WELL, *trailers]})


async def end_badly(send: Send, code: int, text: str) -> None:
    """After messages that were answered."""
    await send({"type": "http.response.body", "body": b""})
    await send({"type": "http.response.trailers", "headers": _status(code, text)})


async def refuse(send: Send, code: int, text: str, *more: tuple[bytes, bytes]) -> None:
    """A status and nothing else."""
    await send({"type": "http.response.start", "status": 200, "headers": [TYPE, *_status(code, text), *more]})
    await send({"type": "http.response.body", "body": b""})


def _status(code: int, text: str) -> Headers:
    return [(b"grpc-status", str(code).encode()), (b"grpc-message", message_text(text))]


async def refuse_call(send: Send, error: KmsError, request_id: str) -> None:
    """A status with its details. Source: google.rpc.Status in `grpc-status-details-bin`."""
    status = sent_status(error, request_id)
    details = (b"grpc-status-details-bin", binary(status.details))
    await refuse(send, status.code, status.message, details, (ID, request_id.encode()))


async def refuse_http(send: Send, status: int, text: str) -> None:
    """To who does not speak gRPC over HTTP/2."""
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain; charset=utf-8")]})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})
