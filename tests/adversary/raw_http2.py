"""HTTP/2 by hand, for callers who begin a gRPC message and never end it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.http2 import HAS_ENDED

MESSAGE_BYTES: Final = 250_000
BATCH_BYTES: Final = 400_000
DATA, HEADERS, RST, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
ACK = END = 1
WINDOW_SIZE: Final = 4
"""The setting that is a stream's first window."""
WINDOW_MAX: Final = 2**31 - 1
FIRST_WINDOW: Final = 65_535
"""Of a connection."""
FEW_BYTES: Final = 4096


def frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body


def _literal(name: str, value: str) -> bytes:
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def request_head(path: str) -> bytes:
    fields = [(":method", "POST"), (":scheme", "https"), (":path", path), (":authority", "localhost"), ("te", "trailers")]
    return b"".join(_literal(*each) for each in [*fields, ("content-type", "application/grpc"), ("grpc-timeout", "60S")])


def connected(address: tuple[str, int], client: Path, authority: Path, receive_bytes: int | None = None) -> ssl.SSLSocket:
    """A connection to speak HTTP/2 on; `receive_bytes` is what the kernel keeps of answers that are not read, where it is not to choose."""
    context = ssl.create_default_context(cafile=str(authority))
    context.check_hostname = False
    context.load_cert_chain(client.with_suffix(".crt"), client.with_suffix(".key"))
    context.set_alpn_protocols(["h2"])
    plain = socket.socket()
    if receive_bytes is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    plain.settimeout(10)
    plain.connect(address)
    return context.wrap_socket(plain, server_hostname="localhost")


class UnreadAnswers:
    """One connection whose answers are not read. `window`: how many bytes of each answer the server may send."""

    def __init__(self, address: tuple[str, int], client: Path, authority: Path, window: int) -> None:
        self._socket = connected(address, client, authority, receive_bytes=FEW_BYTES)
        first = frame(SETTINGS, 0, 0, struct.pack(">HI", WINDOW_SIZE, window))
        whole = frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WINDOW_MAX - FIRST_WINDOW))
        self._socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + first + whole)
        self.begun = 0

    def call(self, path: str, body: bytes) -> None:
        """Send a whole request."""
        stream = 2 * self.begun + 1
        self._socket.sendall(frame(HEADERS, 4, stream, request_head(path)) + frame(DATA, END, stream, body))
        self.begun += 1

    def read(self, seconds: float) -> Iterator[tuple[int, int, int]]:
        """(kind, flags, stream) of each frame that comes, until none has come for so long or the connection ends."""
        self._socket.settimeout(seconds)
        arrived = b""
        with contextlib.suppress(OSError):
            while data := self._socket.recv(262_144):
                arrived += data
                while len(arrived) >= 9 and len(arrived) >= (end := 9 + int.from_bytes(arrived[:3])):
                    yield arrived[3], arrived[4], int.from_bytes(arrived[5:9]) & 0x7FFF_FFFF
                    arrived = arrived[end:]

    def close(self) -> None:
        self._socket.close()


class UnfinishedCalls:
    """One connection with so many calls at once, each with as much of a message as the server takes, and never all of it."""

    def __init__(self, address: tuple[str, int], client: Path, authority: Path, path: str, calls: int) -> None:
        self._socket = connected(address, client, authority)
        self._socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, b""))
        self._socket.setblocking(False)
        self._head, self._calls = request_head(path), calls
        self._arrived, self._room, self._first_room, self._next = b"", 65_535, 0, 1
        self._open: dict[int, int] = {}
        self._left: dict[int, int] = {}
        self.began, self.ended, self.bytes, self.is_closed = 0, 0, 0, False

    def go_on(self) -> None:
        """Hear what the server has said, and send what it takes now; `is_closed` once it has closed the connection."""
        try:
            self._go_on()
        except HAS_ENDED:
            self.is_closed = True

    def _go_on(self) -> None:
        with contextlib.suppress(ssl.SSLWantReadError):
            arrived = self._socket.recv(262_144)
            self.is_closed = not arrived
            self._arrived += arrived
        out = self._heard()
        while self._first_room and self.began < self._calls and self._room > 5:
            out += frame(HEADERS, 4, self._next, self._head) + frame(DATA, 0, self._next, b"\0" + struct.pack(">I", MESSAGE_BYTES))
            self._open[self._next], self._left[self._next] = self._first_room - 5, MESSAGE_BYTES - 1
            self._room, self._next, self.began = self._room - 5, self._next + 2, self.began + 1
        for stream in self._open:
            while len(out) < BATCH_BYTES and (size := min(self._open[stream], self._room, self._left[stream], 16_000)) > 0:
                out += frame(DATA, 0, stream, b"x" * size)
                self._open[stream], self._left[stream] = self._open[stream] - size, self._left[stream] - size
                self._room, self.bytes = self._room - size, self.bytes + size
        if out:
            self._socket.settimeout(10)
            self._socket.sendall(out)
            self._socket.setblocking(False)

    def close(self) -> None:
        self._socket.close()

    def _heard(self) -> bytes:
        """What answers the frames that are here."""
        out = b""
        while len(self._arrived) >= 9 and len(self._arrived) >= (end := 9 + int.from_bytes(self._arrived[:3])):
            kind, flags, stream = self._arrived[3], self._arrived[4], int.from_bytes(self._arrived[5:9]) & 0x7FFF_FFFF
            body, self._arrived = self._arrived[9:end], self._arrived[end:]
            if kind == WINDOW_UPDATE and stream in self._open:
                self._open[stream] += int.from_bytes(body)
            elif kind == WINDOW_UPDATE and not stream:
                self._room += int.from_bytes(body)
            elif kind == SETTINGS and not flags & ACK:
                told = {int.from_bytes(body[at : at + 2]): int.from_bytes(body[at + 2 : at + 6]) for at in range(0, len(body), 6)}
                self._first_room = told.get(WINDOW_SIZE, 65_535)
                out += frame(SETTINGS, ACK, 0, b"")
            elif kind == PING and not flags & ACK:
                out += frame(PING, ACK, 0, body)
            elif kind == RST or (kind == HEADERS and flags & END):
                self.ended += self._open.pop(stream, None) is not None
        return out
