"""A client of HTTP/2 that sends what it is told to, right or wrong, and keeps what comes back: headers, body, trailers."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from meridian.cli.region_place import HOST

SECONDS = 20.0
HAS_ENDED = ConnectionError, ssl.SSLEOFError
"""What a connection under TLS raises whose other side has closed it, whichever it notices first."""


@dataclass
class Answered:
    """One answer."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    trailers: dict[str, str] = field(default_factory=dict)
    reset: int | None = None
    """The error code of a stream that was reset."""

    @property
    def status(self) -> int:
        """Of HTTP; 0 where none came."""
        return int(self.headers.get(":status", "0"))

    @property
    def code(self) -> int:
        """Of gRPC, wherever it stands; -1 where it stands nowhere."""
        return int(self.trailers.get("grpc-status", self.headers.get("grpc-status", "-1")))

    @property
    def text(self) -> str:
        """`grpc-message`, as it is on the wire."""
        return self.trailers.get("grpc-message", self.headers.get("grpc-message", ""))


class Http2:
    """One connection."""

    def __init__(self, port: int, authority: Path, certificate: Path | None) -> None:
        context = ssl.create_default_context(cafile=str(authority))
        context.set_alpn_protocols(["h2"])
        if certificate is not None:
            context.load_cert_chain(certificate.with_suffix(".crt"), certificate.with_suffix(".key"))
        self._socket = context.wrap_socket(socket.create_connection((HOST, port), timeout=SECONDS), server_hostname=HOST)
        config = h2.config.H2Configuration(header_encoding="latin-1", validate_outbound_headers=False, normalize_outbound_headers=False)
        self._http2 = h2.connection.H2Connection(config)
        self._http2.initiate_connection()
        self.has_ended = False
        """Whether the other side has said that the connection ends."""
        self._send()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()

    def ask(self, headers: list[tuple[str, str]], body: bytes, *, ends: bool = True) -> Answered:
        """Send a request and wait for the whole answer. `ends`: whether the client says that nothing follows."""
        stream = self._http2.get_next_available_stream_id()
        self._http2.send_headers(stream, headers, end_stream=ends and not body)
        left = body
        answered = Answered()
        while left:
            size = min(len(left), self._http2.local_flow_control_window(stream), self._http2.max_outbound_frame_size)
            if size > 0:
                self._http2.send_data(stream, left[:size], end_stream=ends and size == len(left))
                left = left[size:]
                self._send()
            elif self._hear(stream, answered):
                return answered
        self._send()
        while not self._hear(stream, answered):
            continue
        return answered

    def begin(self, headers: list[tuple[str, str]], part: bytes, *, ends: bool = False) -> int:
        """Send what begins a request, and its end where it `ends`; wait for nothing. The answer is its stream."""
        stream: int = self._http2.get_next_available_stream_id()
        self._http2.send_headers(stream, headers)
        if part:
            self._http2.send_data(stream, part, end_stream=ends)
        self._send()
        return stream

    def take_back(self, stream: int) -> None:
        """As a client does that no longer waits for the answer; nothing where it has come."""
        with contextlib.suppress(h2.exceptions.StreamClosedError):
            self._http2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        self._send()

    def _hear(self, stream: int, answered: Answered) -> bool:
        """Whether the answer is whole."""
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionError("the connection has ended")
        is_whole = False
        for event in self._http2.receive_data(data):
            if isinstance(event, h2.events.ConnectionTerminated):
                self.has_ended = True
            if getattr(event, "stream_id", None) != stream:
                continue
            if isinstance(event, h2.events.ResponseReceived):
                answered.headers = _texts(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                answered.body += event.data
                self._http2.acknowledge_received_data(event.flow_controlled_length, stream)
            elif isinstance(event, h2.events.TrailersReceived):
                answered.trailers = _texts(event.headers)
            elif isinstance(event, h2.events.StreamReset):
                answered.reset = event.error_code
                is_whole = True
            elif isinstance(event, h2.events.StreamEnded):
                is_whole = True
        self._send()
        return is_whole

    def _send(self) -> None:
        self._socket.sendall(self._http2.data_to_send())


def _texts(headers: Iterable[Any]) -> dict[str, str]:
    """The decoded headers, which h2 says may also be bytes."""
    return {str(name): str(value) for name, value in headers}


def grpc_head(path: str, **changed: str) -> list[tuple[str, str]]:
    """The headers of a call; a name in `changed` has `_` for `-`, and an empty value leaves it out."""
    head = {":method": "POST", ":scheme": "https", ":path": path, ":authority": HOST, "te": "trailers", "content-type": "application/grpc"}
    head |= {name.replace("_", "-"): value for name, value in changed.items()}
    return [(name, value) for name, value in head.items() if value]
