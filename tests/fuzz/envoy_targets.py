"""What the front behind Envoy parses of foreign bytes: heads, frames and messages of gRPC, before it is known who sent them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import cache
from typing import Any

from meridian.contract.catalog import served_rpcs
from meridian.domain.trace_context import read_traceparent
from meridian.transport.envoy.arrival import CERTIFICATE, arrival_of
from meridian.transport.envoy.arriving import Arriving
from meridian.transport.envoy.grpc_frames import encoding_of, timeout_of
from meridian.transport.envoy.grpc_message import DISCONNECTED, UnaryMessage
from meridian.transport.envoy.health import EnvoyHealth
from meridian.transport.envoy.reflection import Reflection
from meridian.transport.grpc_health import GrpcHealth

BYTES_MAX = 1000
ARRIVING_BYTES_MAX = 100_000
WAITING_SECONDS = 1.0
ENCODINGS = ("identity", "gzip", "deflate", "x", "")
Event = dict[str, Any]


class Sent:
    """A request's body in two pieces, and what is answered. Nothing here waits."""

    def __init__(self, data: bytes) -> None:
        self.encoding = ENCODINGS[data[0] % len(ENCODINGS)] if data else ""
        body, self._is_cut = data[1:], bool(data[:1] > b"\x7f")
        self._pieces = [body[: len(body) // 2], body[len(body) // 2 :]]
        self.answer: list[Event] = []

    async def receive(self) -> Event:
        if not self._pieces:
            return {"type": DISCONNECTED}
        piece = self._pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self._pieces) or self._is_cut}

    async def send(self, event: Event) -> None:
        self.answer.append(event)


def run(work: Coroutine[Any, Any, Any]) -> None:
    """To its end, without a loop. Raises: what it raises; AssertionError where it waits."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise AssertionError("it waits")


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def run_in_task(work: Coroutine[Any, Any, Any]) -> None:
    """To its end. Raises: what it raises; TimeoutError where it waits."""
    _loop().run_until_complete(asyncio.wait_for(work, WAITING_SECONDS))


def scope_of(path: bytes, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    extensions = {"tls": {"tls_version": 0x0304}}
    own = {"type": "http", "http_version": "2", "method": "POST", "scheme": "https", "client": ("192.0.2.1", 5)}
    return {**own, "path": path.decode("latin-1"), "raw_path": path, "query_string": b"", "headers": headers, "extensions": extensions}


def arrival(data: bytes) -> None:
    """A path, then names and values of headers in turns; the first of those without a name is what Envoy says of a certificate."""
    path, *rest = data.split(b"\x1f")
    headers = [(name.lower() or CERTIFICATE, value) for name, value in zip(rest[::2], rest[1::2], strict=False)]
    arrived = arrival_of(scope_of(path, headers))
    encoding_of(arrived.headers.get("grpc-encoding", ""))
    timeout_of(arrived.headers.get("grpc-timeout", "1S"))


def unary_message(data: bytes) -> None:
    sent = Sent(data)
    run(UnaryMessage(sent.receive, encoding_of(sent.encoding), BYTES_MAX).read())


def _arrived(sent: Sent) -> Any:
    head = [(b"content-type", b"application/grpc"), (b"te", b"trailers"), (b"grpc-encoding", sent.encoding.encode())]
    return arrival_of(scope_of(b"/", head))


def health_question(data: bytes) -> None:
    """Whatever is asked, something is answered, or the caller has left."""
    sent = Sent(data)
    health = EnvoyHealth(GrpcHealth(["meridian.kms.v1.KeysService"], list), Arriving(ARRIVING_BYTES_MAX))
    run_in_task(health.check(_arrived(sent), sent.receive, sent.send))


@cache
def _reflection() -> Reflection:
    return Reflection(served_rpcs(), Arriving(ARRIVING_BYTES_MAX))


def reflection_questions(data: bytes) -> None:
    sent = Sent(data)
    run_in_task(_reflection().answer(_arrived(sent), sent.receive, sent.send))


def traceparent(data: bytes) -> None:
    """What is read is written as it is sent on, and read again."""
    read = read_traceparent(data.decode("latin-1"))
    assert read is None or read_traceparent(read.header()) == read
