"""What a proxy may send for one request: one answer, in bounded bytes, counted before a byte of them is parsed.

aiohttp bounds lines and fields; heads of 1xx it reads one after the other for as long as they come, and a parser makes objects of all
that arrives, whoever waits for it. So bytes are counted here as the transport hands them over, whatever they are: a proxy that floods
costs `RECEIVED_BYTES_MAX` and its connection.

Source: RFC 9110, section 15.2 (a client that sends no Expect waits for no 100); AWS XKS Proxy API Specification (no interim responses).
"""

from __future__ import annotations

from asyncio import AbstractEventLoop
from functools import partial
from typing import Any, Final, cast

from aiohttp import ClientPayloadError, TCPConnector
from aiohttp.client_proto import ResponseHandler
from aiohttp.helpers import set_exception
from aiohttp.http import HttpProcessingError, RawResponseMessage
from aiohttp.streams import StreamReader

from meridian.adapters.xks_proxy.messages import ANSWER_BYTES_MAX

HEADER_BYTES_MAX: Final = 8 * 1024
"""Of one line of a head."""
HEAD_BYTES_MAX: Final = 16 * 1024
RECEIVED_BYTES_MAX: Final = HEAD_BYTES_MAX + ANSWER_BYTES_MAX
"""Since the last request began, framing of a body in chunks included."""
PIECE_BYTES: Final = 2 * 1024
"""Parsed at a time: a refusal comes after so many bytes at most."""


class BoundedAnswers(ResponseHandler):
    """One connection. An answer that breaks a bound ends it, and reads as one that cannot be interpreted."""

    def __init__(self, loop: AbstractEventLoop, received_bytes_max: int) -> None:
        super().__init__(loop)
        self._received = 0
        self._received_max = received_bytes_max
        self._answers = 0

    def set_response_params(self, **params: Any) -> None:
        """A request begins; the signature that aiohttp calls."""
        self._received = self._answers = 0
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > self._received_max:
            self._refuse("more bytes than any answer has")
            return
        for at in range(0, max(len(data), 1), PIECE_BYTES):
            if not self.is_connected() or self.exception() is not None:
                return
            super().data_received(data[at : at + PIECE_BYTES])

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], *size: int) -> None:
        """The head of an answer was parsed."""
        self._answers += 1
        if 100 <= data[0].code <= 199:
            self._refuse("an interim answer, which nobody waits for")
        elif self._answers > 1:
            self._refuse("a second answer")
        else:
            super().feed_data(data, *size)

    def close(self) -> None:
        """At once: a farewell of TLS would go on reading from whoever goes on sending."""
        self.abort()

    def _refuse(self, why: str) -> None:
        payload, transport = self._payload, self.transport
        self.set_exception(HttpProcessingError(code=400, message=why))
        if payload is not None and not payload.is_eof():
            set_exception(payload, ClientPayloadError(why))
        if transport is not None:
            transport.abort()


class BoundedConnector(TCPConnector):
    """Makes connections whose answers have so many bytes at most, heads and framing included."""

    def __init__(self, received_bytes_max: int, **settings: Any) -> None:
        super().__init__(**settings)
        bounded = partial(BoundedAnswers, loop=self._loop, received_bytes_max=received_bytes_max)
        self._factory = cast("partial[ResponseHandler]", bounded)
