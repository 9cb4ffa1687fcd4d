"""One connection of an HTTP listener, from its accept to its end. Each stage has a deadline; the server looks at them once a second."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from enum import Enum, auto
from math import inf
from typing import Any, Final, Protocol

from meridian.domain.request_head import RequestHead
from meridian.ports.security_events import SecurityEvents
from meridian.transport.http1.application import Answer, Application, Exchange
from meridian.transport.http1.faults import HttpFault, RefusedRequest
from meridian.transport.http1.head import Networks, Peer
from meridian.transport.http1.reader import RequestReader, Stage

LINGER_SECONDS: Final = 1.0
"""How long what a refused client still sends is thrown away, so that he can read the refusal."""
LINGER_BYTES_MAX: Final = 1024 * 1024


@dataclass(frozen=True)
class ConnectionBounds:
    """What one listener gives to its clients."""

    connections: int
    """Open at once."""
    head_seconds: float
    """From a connection's opening, or the first byte of a later request, until the head is complete; TLS included."""
    body_seconds: float
    """From the complete head until the body is."""
    idle_seconds: float
    """Between an answer and the next request."""
    body_bytes: int
    """A longer body is not read."""


class Phase(Enum):
    """What the connection waits for."""

    REQUEST = auto()
    ANSWER = auto()
    NEXT_REQUEST = auto()
    END = auto()


class Connections(Protocol):
    """What a connection asks of its server."""

    application: Application
    bounds: ConnectionBounds
    tls: ssl.SSLContext | None
    trusted_proxies: Networks
    events: SecurityEvents

    def admit(self, connection: HttpConnection) -> bool: ...
    def prove(self, connection: HttpConnection) -> None: ...
    def rest(self, connection: HttpConnection, *, resting: bool) -> None: ...
    def forget(self, connection: HttpConnection) -> None: ...


class HttpConnection(asyncio.Protocol):
    """Reads a request, has it answered, and waits for the next."""

    def __init__(self, server: Connections, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._transport: Any = None
        self._task: asyncio.Task[None] | None = None
        self._phase = Phase.REQUEST
        self._discarded = 0
        self.deadline = inf
        self.is_last = False
        """Whether the connection ends with the answer that is under way."""

    # ---- what the loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        name = transport.get_extra_info("peername")
        self._reader = RequestReader(Peer(name[0], self._server.trusted_proxies) if name else Peer("", ()), self._begin)
        if not self._server.admit(self):
            self._transport.abort()
            return
        self.deadline = self._loop.time() + self._server.bounds.head_seconds
        if self._server.tls is not None:
            self._transport.pause_reading()
            self._task = self._loop.create_task(self._secure(self._server.tls))

    def data_received(self, data: bytes) -> None:
        if self._phase is Phase.END or self.is_last:
            self._discard(len(data))
            return
        if self._phase is Phase.NEXT_REQUEST:
            self._phase = Phase.REQUEST
            self.deadline = self._loop.time() + self._server.bounds.head_seconds
            self._server.rest(self, resting=False)
        had_head = self._reader.stage in (Stage.BODY, Stage.COMPLETE)
        try:
            self._reader.feed(data)
        except RefusedRequest as refused:
            self._refuse(refused)
        except Exception as fault:
            self._fail(fault)
        else:
            if self._phase is Phase.REQUEST:
                self._go_on(had_head=had_head)

    def connection_lost(self, exc: Exception | None) -> None:
        self._phase = Phase.END
        self._server.forget(self)
        self._reader.close()

    def pause_writing(self) -> None:
        # Who does not read his answers asks nothing more; the idle time ends him.
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    # ---- what the server tells

    def expire(self) -> None:
        """The deadline has passed."""
        if self._phase is Phase.END:
            self._transport.abort()
        elif self._reader.stage is Stage.NOTHING:
            self._end()
        else:
            self._refuse(RefusedRequest(HttpFault.TIMEOUT))

    def abort(self) -> None:
        """End now, whatever is under way."""
        self._phase = Phase.END
        self._transport.abort()

    def finish(self) -> None:
        """End as soon as the answer under way is written."""
        self.is_last = True
        if self._phase is not Phase.ANSWER:
            self._end()

    # ---- a request's way

    async def _secure(self, tls: ssl.SSLContext) -> None:
        try:
            secured = await self._loop.start_tls(
                self._transport, self, tls, server_side=True, ssl_handshake_timeout=self._server.bounds.head_seconds
            )
        except OSError:  # no handshake: a scanner, a client that trusts another authority, a connection given up
            secured = None
        if secured is None:
            self._server.forget(self)
        else:
            self._transport = secured

    def _begin(self, head: RequestHead) -> Exchange:
        return self._server.application.begin(head)

    def _go_on(self, *, had_head: bool) -> None:
        reader, bounds = self._reader, self._server.bounds
        if reader.stage is Stage.COMPLETE:
            self._start_answer()
        elif reader.stage is Stage.BODY and not had_head:
            if reader.content_length > bounds.body_bytes:
                self.is_last = True
                self._start_answer()
                return
            self.deadline = self._loop.time() + bounds.body_seconds
            if reader.expects_continue:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _start_answer(self) -> None:
        assert self._reader.exchange is not None  # noqa: S101 - the head is complete
        self._phase, self.deadline = Phase.ANSWER, inf
        self._task = self._loop.create_task(self._answer(self._reader.exchange, self._reader.body))

    async def _answer(self, exchange: Exchange, body: bytes) -> None:
        try:
            answer = await exchange.answer(body)
        except Exception as fault:
            self._fail(fault)
            return
        self._write(answer)

    def _write(self, answer: Answer) -> None:
        if self._phase is Phase.END:
            return
        is_last = self.is_last or not self._reader.keeps_alive
        self._transport.write(answer.as_bytes(is_last=is_last))
        if answer.is_to_known_caller:
            self._server.prove(self)
        if is_last:
            self._end()
            return
        self._phase, self.deadline = Phase.NEXT_REQUEST, self._loop.time() + self._server.bounds.idle_seconds
        self._reader.next()
        self._server.rest(self, resting=True)

    # ---- ends

    def _fail(self, fault: Exception) -> None:
        self._server.events.report_fault(fault, during="HTTP")
        self._phase = Phase.REQUEST
        self._refuse(RefusedRequest(HttpFault.INTERNAL))

    def _refuse(self, refused: RefusedRequest) -> None:
        """Answer what is no request, and end. While an answer is under way it is the last, and what disturbed it is not read."""
        self.is_last = True
        if self._phase is Phase.REQUEST:
            self._transport.write(self._server.application.refuse(refused).as_bytes(is_last=True))
            self._end()

    def _end(self) -> None:
        """Close, or first take what the client still sends: a connection closed on unread bytes would take the answer with it."""
        self._phase = Phase.END
        if self._reader.stage in (Stage.NOTHING, Stage.COMPLETE):
            self.deadline = self._loop.time() + self._server.bounds.idle_seconds
            self._transport.close()
        else:
            self.deadline = self._loop.time() + LINGER_SECONDS

    def _discard(self, count: int) -> None:
        self._discarded += count
        if self._discarded > LINGER_BYTES_MAX:
            self.abort()
