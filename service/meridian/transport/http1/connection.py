"""One connection of an HTTP listener, from its accept to its end. Each stage has a deadline; the server looks at them once a second."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import Enum, auto
from math import inf
from typing import Any, Final, Protocol

from meridian.ports.security_events import SecurityEvents
from meridian.transport.http1.application import Answer, Application
from meridian.transport.http1.client_names import shown_certificate
from meridian.transport.http1.faults import HttpFault, RefusedRequest
from meridian.transport.http1.head import Peer
from meridian.transport.http1.reader import RequestReader, Stage
from meridian.transport.http1.trust import Trust

LINGER_SECONDS: Final = 1.0
"""How long what a refused client still sends is thrown away, so that he can read the refusal."""
LINGER_BYTES_MAX: Final = 1024 * 1024
ARRIVING_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of all bodies that arrive at one listener, while it cannot be known whether their signatures hold."""


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
    arriving_bytes: int
    """Of all bodies that are arriving at once. At least one body's."""


class Phase(Enum):
    """What the connection waits for."""

    REQUEST = auto()
    ANSWER = auto()
    NEXT_REQUEST = auto()
    END = auto()


class Place(Enum):
    """What a connection waits for that may have to make way, in the order in which they do."""

    RESTING = auto()
    """For the next request."""
    HALFWAY = auto()
    """For the rest of a request, or for its own end."""


class Connections(Protocol):
    """What a connection asks of its server."""

    application: Application
    bounds: ConnectionBounds
    trust: Trust
    events: SecurityEvents
    refused_names: int

    def prove(self, connection: HttpConnection, caller: str) -> None: ...
    def place(self, connection: HttpConnection, place: Place | None) -> None: ...
    def keep(self, connection: HttpConnection, size: int) -> None: ...
    def forget(self, connection: HttpConnection) -> None: ...


class HttpConnection(asyncio.Protocol):
    """Reads a request, has it answered, and waits for the next."""

    def __init__(self, server: Connections, loop: asyncio.AbstractEventLoop, address: str) -> None:
        self._server = server
        self._loop = loop
        self._peer = Peer(address, server.trust.proxies)
        self._reader = RequestReader(self._peer, server.application.begin, server.bounds.body_bytes)
        self._transport: Any = None
        self._task: asyncio.Task[None] | None = None
        self._phase = Phase.REQUEST
        self._discarded = 0
        self._is_known = False
        """Whether the caller of the request that is answered has proved who he is."""
        self.deadline = loop.time() + server.bounds.head_seconds
        self.is_last = False
        """Whether the connection ends with the answer that is under way."""

    def open(self, accepted: socket.socket) -> None:
        """Begin to speak, over TLS where the listener has a certificate."""
        self._task = self._loop.create_task(self._open(accepted))

    async def _open(self, accepted: socket.socket) -> None:
        tls = self._server.trust.tls
        timeout = self._server.bounds.head_seconds if tls is not None else None
        try:
            await self._loop.connect_accepted_socket(lambda: self, accepted, ssl=tls, ssl_handshake_timeout=timeout)
        except OSError:  # no handshake: a scanner, a client that trusts another authority, a connection given up
            self._server.forget(self)

    # ---- what the loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if self._phase is Phase.END:
            self._transport.abort()
        elif not self._server.trust.client_names.admits(transport):
            self._server.refused_names += 1
            self.abort()
        else:
            self._peer.certificate_pem = shown_certificate(transport)

    def data_received(self, data: bytes) -> None:
        if self._phase is Phase.END or self.is_last:
            self._discard(len(data))
            return
        if self._phase is Phase.NEXT_REQUEST:
            self._phase = Phase.REQUEST
            self.deadline = self._loop.time() + self._server.bounds.head_seconds
            self._server.place(self, Place.HALFWAY)
        had_head = self._reader.stage in (Stage.BODY, Stage.COMPLETE)
        try:
            self._reader.feed(data)
        except RefusedRequest as refused:
            self._refuse(refused)
        except Exception as fault:
            self._server.events.report_fault(fault, during="HTTP")
            self._refuse(RefusedRequest(HttpFault.INTERNAL))
        else:
            if self._phase is Phase.REQUEST:
                self._server.keep(self, self._reader.kept_bytes)
                self._go_on(had_head=had_head)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the signature that asyncio calls
        if self._phase is Phase.ANSWER and self._is_known and self._task is not None:
            self._task.cancel()  # nobody waits for the answer any more
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
        if self._phase is Phase.END or self._transport is None:
            self.abort()
        elif self._reader.stage is Stage.NOTHING:
            self._end()
        else:
            self._refuse(RefusedRequest(HttpFault.TIMEOUT))

    def overload(self) -> None:
        """Too many bytes of bodies are arriving, and this one makes way."""
        self._reader.take_body()
        self._server.keep(self, 0)
        self._refuse(RefusedRequest(HttpFault.OVERLOADED))

    def abort(self) -> None:
        """End now, whatever is under way."""
        self._phase = Phase.END
        if self._transport is not None:
            self._transport.abort()
        elif self._task is not None:
            self._task.cancel()
            self._server.forget(self)

    def finish(self) -> None:
        """End as soon as the answer under way is written."""
        self.is_last = True
        if self._transport is None:
            self.abort()
        elif self._phase is not Phase.ANSWER:
            self._end()

    # ---- a request's way

    def _go_on(self, *, had_head: bool) -> None:
        reader, bounds = self._reader, self._server.bounds
        if self._phase is not Phase.REQUEST:
            return  # refused, as too many bytes are arriving
        if reader.stage is Stage.COMPLETE:
            self._start_answer()
        elif reader.stage is Stage.BODY and not had_head:
            if reader.is_too_long:
                self.is_last = True
                self._start_answer()
                return
            self.deadline = self._loop.time() + bounds.body_seconds
            if reader.expects_continue:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _start_answer(self) -> None:
        assert self._reader.exchange is not None  # noqa: S101 - the head is complete
        self._phase, self.deadline = Phase.ANSWER, inf
        self._server.place(self, None)
        # From here on the body is the application's alone, which lets go of it where the caller is not who he says.
        self._is_known = False
        answering = self._reader.exchange.answer(self._reader.take_body(), self._know)
        self._server.keep(self, 0)
        self._task = self._loop.create_task(self._answer(answering))

    def _know(self, caller: str) -> None:
        self._is_known = True
        self._server.prove(self, caller)

    async def _answer(self, answering: Awaitable[Answer]) -> None:
        try:
            answer = await answering
        except Exception as fault:
            self._server.events.report_fault(fault, during="HTTP")
            answer = self._server.application.refuse(RefusedRequest(HttpFault.INTERNAL))
            self.is_last = True
        self._write(answer)

    def _write(self, answer: Answer) -> None:
        if self._phase is Phase.END:
            return
        is_last = self.is_last or not self._reader.keeps_alive
        self._transport.write(answer.as_bytes(is_last=is_last, to_head=self._reader.is_head))
        if is_last:
            self._end()
            return
        self._phase, self.deadline = Phase.NEXT_REQUEST, self._loop.time() + self._server.bounds.idle_seconds
        self._reader.next()
        self._server.place(self, Place.RESTING)

    # ---- ends

    def _refuse(self, refused: RefusedRequest) -> None:
        """Answer what is no request, and end. While an answer is under way it is the last, and what disturbed it is not read."""
        self.is_last = True
        if self._phase is Phase.REQUEST:
            answer = self._server.application.refuse(refused)
            self._transport.write(answer.as_bytes(is_last=True, to_head=self._reader.is_head))
            self._end()

    def _end(self) -> None:
        """Close, or first take what the client still sends: a connection closed on unread bytes would take the answer with it."""
        self._phase = Phase.END
        self._reader.take_body()
        self._server.keep(self, 0)
        self._server.place(self, Place.HALFWAY)
        if self._reader.stage in (Stage.NOTHING, Stage.COMPLETE):
            self.deadline = self._loop.time() + self._server.bounds.idle_seconds
            self._transport.close()
        else:
            self.deadline = self._loop.time() + LINGER_SECONDS

    def _discard(self, count: int) -> None:
        self._discarded += count
        if self._discarded > LINGER_BYTES_MAX:
            self.abort()
