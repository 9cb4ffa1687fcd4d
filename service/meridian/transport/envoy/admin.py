"""What Meridian asks of its own Envoy, over a socket that only this user opens."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Final

ANSWER_SECONDS: Final = 2.0
ANSWER_BYTES_MAX: Final = 256 * 1024
SAY_GOODBYE: Final = "POST", "/drain_listeners?graceful&skip_exit"
CLOSE_PORT: Final = "POST", "/drain_listeners"
ACTIVE: Final = "GET", "/stats?filter=^http\\.front\\.downstream_(rq|cx)_active$"
STARTED: Final = "GET", "/stats?filter=^listener_manager\\.workers_started$"
WORKS: Final = "listener_manager.workers_started: 1"
NUMBER: Final = re.compile(r"http\.front\.downstream_rq_active: (\d+)")


class EnvoyAdmin:
    """Raises OSError where Envoy does not answer."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def drain(self) -> None:
        """Take no new connection; with each answer from now on, tell its client that the connection ends."""
        await self._ask(*SAY_GOODBYE)  # by itself this leaves the port open for the time that Envoy drains
        await self._ask(*CLOSE_PORT)

    async def listens(self) -> bool:
        """Whether it takes connections."""
        return WORKS in await self._ask(*STARTED)

    async def active(self) -> int:
        """How many requests are not answered as a whole."""
        found = NUMBER.search(await self._ask(*ACTIVE))
        return int(found[1]) if found else 0

    async def _ask(self, method: str, path: str) -> str:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_unix_connection(str(self._socket), limit=ANSWER_BYTES_MAX)
            try:
                writer.write(f"{method} {path} HTTP/1.1\r\nhost: envoy\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode())
                await writer.drain()
                answer = (await reader.read(ANSWER_BYTES_MAX)).decode("latin-1")
            finally:
                writer.close()
        if " 200 " not in answer.partition("\r\n")[0]:
            raise OSError(f"Envoy answers {answer.partition(chr(13))[0]!r} to {path}")
        return answer
