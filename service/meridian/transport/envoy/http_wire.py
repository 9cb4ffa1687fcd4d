"""HTTP requests of Envoy for an application that was written for the listener of `http1`: the same head, the same answers.

Envoy has bounded the head and its time; here a head is read by the one parser, and bodies arrive in a budget: no signature is proven
before the last byte.
"""

from __future__ import annotations

from typing import Final

from meridian.ports.security_events import SecurityEvents
from meridian.transport.envoy.arrival import CERTIFICATE, Scope
from meridian.transport.envoy.arriving import Arriving, GivenUp, Grow
from meridian.transport.envoy.departures import Departures, Waiting
from meridian.transport.envoy.grpc_answers import Send
from meridian.transport.envoy.grpc_message import DISCONNECTED, Receive
from meridian.transport.http1.application import Answer, Application
from meridian.transport.http1.faults import HttpFault, RefusedRequest
from meridian.transport.http1.head import HeadLines, Peer

NO_CONTENT: Final = 204


class _Left(Exception):
    """The client is gone."""


class HttpWire:
    """One application. Belongs to one event loop."""

    def __init__(
        self, application: Application, *, body_bytes_max: int, events: SecurityEvents, departures: Departures, arriving: Arriving
    ) -> None:
        self._application = application
        self._body_bytes_max = body_bytes_max
        self._events = events
        self._departures = departures
        self._arriving = arriving

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever it is."""
        try:
            answer = await self._answer(scope, receive)
        except RefusedRequest as refused:
            answer = self._application.refuse(refused)
        except _Left:
            return
        except Exception as fault:
            self._events.report_fault(fault, during="HTTP")
            answer = self._application.refuse(RefusedRequest(HttpFault.INTERNAL))
        await _send(send, answer, to_head=scope["method"] == "HEAD")

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        """Raises: RefusedRequest; _Left."""
        head = _lines(scope).read(scope["method"], Peer((scope["client"] or ("", 0))[0], ()))
        exchange = self._application.begin(head)
        is_wanted = exchange.keeps_body and head.content_length <= self._body_bytes_max
        body = await self._body(receive, head.content_length) if is_wanted else b""
        waiting: list[Waiting] = []
        try:
            return await exchange.answer(body, lambda _: waiting.append(self._departures.watch(receive, None)))
        finally:
            for each in waiting:
                self._departures.forget(each)

    async def _body(self, receive: Receive, length: int) -> bytes:
        """A body of the length that its head says. Raises: RefusedRequest; _Left."""
        try:
            return await self._arriving.read(lambda grow: _whole_body(receive, length, grow))
        except GivenUp as fault:
            raise RefusedRequest(HttpFault.OVERLOADED) from fault


async def _whole_body(receive: Receive, length: int, grow: Grow) -> bytes:
    """Raises: RefusedRequest where it is not of this length; _Left."""
    parts: list[bytes] = []
    read, ends = 0, False
    while not ends:
        event = await receive()
        if event["type"] == DISCONNECTED:
            raise _Left
        part = event.get("body", b"")
        parts.append(part)
        read += len(part)
        grow(len(part))
        ends = not event.get("more_body", False)
        if read > length:  # none was said: Envoy has seen that a length which is said is kept
            raise RefusedRequest(HttpFault.LENGTH_REQUIRED)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _lines(scope: Scope) -> HeadLines:
    """Raises: RefusedRequest for a header that is given twice."""
    lines = HeadLines()
    query = scope["query_string"]
    lines.url = scope["raw_path"] + (b"?" + query if query else b"")
    for name, value in scope["headers"]:
        if name != CERTIFICATE:
            lines.add(name, value)
    return lines


async def _send(send: Send, answer: Answer, *, to_head: bool) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if answer.status != NO_CONTENT:
        headers += [(b"content-type", answer.content_type.encode("latin-1")), (b"content-length", str(len(answer.body)).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if to_head else answer.body})
