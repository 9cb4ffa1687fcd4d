"""Bytes of a connection → requests, one at a time, within their bounds."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Final

import httptools

from meridian.domain.request_head import RequestHead
from meridian.transport.http1.application import Exchange
from meridian.transport.http1.faults import HttpFault, RefusedRequest
from meridian.transport.http1.head import HeadLines, Peer

HEAD_BYTES_MAX: Final = 16 * 1024
"""Request line and headers, with what surrounds them."""
VERSIONS: Final = (b"HTTP/1.1", b"HTTP/1.0")
"""What the request line ends with. The parser also takes `RTSP/1.0` and `ICE/1.0`, and says of both that they are 1.0."""


class Stage(Enum):
    """How far the request has come."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()
    COMPLETE = auto()


class RequestReader:
    """Reads one request; `next` makes it ready for the one after. The methods named `on_…` belong to the parser."""

    def __init__(self, peer: Peer, begin: Callable[[RequestHead], Exchange], body_bytes_max: int) -> None:
        self._peer = peer
        self._body_bytes_max = body_bytes_max
        self._begin = begin
        self._parser: Any = httptools.HttpRequestParser(self)
        self._stopped: Exception | None = None
        self.next()

    def next(self) -> None:
        """Forget the request."""
        self.stage = Stage.NOTHING
        self.exchange: Exchange | None = None
        self.is_too_long = False
        self.is_head = False
        """Whether the method is HEAD, as far as it is known."""
        self.keeps_alive = False
        self.expects_continue = False
        self._head_bytes = 0
        self._request_line = bytearray()
        self._has_request_line = False
        self._lines = HeadLines()
        self._keeps_body = False
        self._body: list[bytes] = []
        self.kept_bytes = 0
        """Of the body, so far."""

    def close(self) -> None:
        """Let go of the parser, which holds this reader in turn."""
        self._parser = None

    def take_body(self) -> bytes:
        """The body that was kept; the reader keeps it no longer, and nothing more of it."""
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body, self._keeps_body, self.kept_bytes = [], False, 0
        return body

    def feed(self, data: bytes) -> None:
        """Read what has arrived. Raises: RefusedRequest, and what `begin` raises; nothing may be fed after that."""
        try:
            if self.stage in (Stage.NOTHING, Stage.HEAD):
                data = self._feed_head(data)
            if data:
                self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as fault:
            raise RefusedRequest(HttpFault.UPGRADE) from fault
        except httptools.HttpParserError as fault:
            raise (self._stopped or RefusedRequest(HttpFault.MALFORMED)) from fault

    def _feed_head(self, data: bytes) -> bytes:
        """Read no more of a head than a head may have; what is left over comes back."""
        room = HEAD_BYTES_MAX - self._head_bytes
        self.stage = Stage.HEAD
        self._keep_request_line(data[:room])
        self._parser.feed_data(data[:room])
        if self.stage is Stage.HEAD:
            self._head_bytes += len(data)
            if self._head_bytes >= HEAD_BYTES_MAX:
                raise RefusedRequest(HttpFault.HEAD_TOO_LARGE)
            return b""
        return data[room:]

    def _keep_request_line(self, data: bytes) -> None:
        """The parser does not show the line itself. Empty lines before it are passed over, as the parser does."""
        if self._has_request_line:
            return
        line, found, _ = (data if self._request_line else data.lstrip(b"\r\n")).partition(b"\n")
        self._request_line += line
        self._has_request_line = bool(found)

    def on_message_begin(self) -> None:
        if self.stage is not Stage.HEAD:
            self._stop(RefusedRequest(HttpFault.PIPELINED))

    def on_url(self, part: bytes) -> None:
        self.is_head = self._parser.get_method() == b"HEAD"
        self._lines.url += part

    def on_header(self, name: bytes, value: bytes) -> None:
        try:
            self._lines.add(name, value)
        except RefusedRequest as refused:
            self._stop(refused)

    def on_headers_complete(self) -> None:
        try:
            self._begin_exchange()
        except Exception as fault:
            self._stopped = fault
            raise

    def _begin_exchange(self) -> None:
        parser = self._parser
        if parser.should_upgrade():
            raise RefusedRequest(HttpFault.UPGRADE)
        if bytes(self._request_line).rstrip(b"\r").rpartition(b" ")[2] not in VERSIONS:
            raise RefusedRequest(HttpFault.VERSION)
        head = self._lines.read(parser.get_method().decode("ascii"), self._peer)
        self.exchange = self._begin(head)
        self.is_too_long = head.content_length > self._body_bytes_max
        self._keeps_body = self.exchange.keeps_body and not self.is_too_long
        self.keeps_alive = parser.should_keep_alive()
        self.expects_continue = head.headers.get("expect", "").lower() == "100-continue"
        self.stage = Stage.BODY

    def on_body(self, part: bytes) -> None:
        if self._keeps_body:
            self._body.append(part)
            self.kept_bytes += len(part)

    def on_message_complete(self) -> None:
        self.stage = Stage.COMPLETE

    def _stop(self, fault: Exception) -> None:
        """End the parsing. The parser makes every exception of its callbacks one of its own; `feed` raises this one instead."""
        self._stopped = fault
        raise fault
