"""Health and metrics on a loopback port, for the kubelet and Prometheus of this machine; nothing else is ever served here.

One short request each connection, so that no server of HTTP is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

HOST: Final = "127.0.0.1"
REQUEST_SECONDS: Final = 5.0
"""For the whole of it, answer included."""
HEAD_BYTES_MAX: Final = 8 * 1024
CONNECTIONS_MAX: Final = 16
TEXT: Final = "text/plain; charset=utf-8"

Health = Callable[[], Awaitable[str]]
"""A sentence that says why the key cannot be used; empty where it can."""


class HealthPort:
    """`/livez`: the process answers. `/healthz`: the key can be used now, or why not. `/metrics`: Prometheus text."""

    def __init__(self, registry: CollectorRegistry, health: Health) -> None:
        self._registry = registry
        self._health = health
        self._connections: dict[asyncio.StreamWriter, None] = {}
        """Those that are open, the longest first."""
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> None:
        """Raises: OSError where the port is taken."""
        self._server = await asyncio.start_server(self._connected, HOST, port, limit=HEAD_BYTES_MAX)

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request. Where too many are open the longest is ended for this one: who holds connections keeps nobody out."""
        if len(self._connections) >= CONNECTIONS_MAX:
            longest = next(iter(self._connections))
            del self._connections[longest]
            longest.transport.abort()
        self._connections[writer] = None
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._answer(head))
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # who says nothing, too much or goes away gets no answer
        finally:
            self._connections.pop(writer, None)
            writer.close()

    async def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if method != b"GET":
            return _response(405, "Method Not Allowed", TEXT, b"only GET\n")
        if path == b"/livez":
            return _response(200, "OK", TEXT, b"ok\n")
        if path == b"/metrics":
            return _response(200, "OK", CONTENT_TYPE_LATEST, generate_latest(self._registry))
        if path == b"/healthz":
            fault = await self._health()
            return _response(503, "Service Unavailable", TEXT, f"{fault}\n".encode()) if fault else _response(200, "OK", TEXT, b"ok\n")
        return _response(404, "Not Found", TEXT, b"not found\n")


def _response(status: int, reason: str, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body
