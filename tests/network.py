"""A TCP relay between two Regions that can be slow or silent; what passes is TLS, so it can do no more than a network could."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from meridian.cli.dev_files import HOST, free_port

CHUNK = 65536


class Relay:
    """Forwards connections to a port, in a thread of its own."""

    def __init__(self, target_port: int) -> None:
        self.port = free_port()
        self.delay = 0.0
        """Seconds that each piece of data waits."""
        self.is_cut = False
        """Whether data is swallowed, as by a network that lost its way; connections stay open."""
        self._target_port = target_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(asyncio.start_server(self._connected, HOST, self.port), self._loop).result(10)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            there, back = await asyncio.open_connection(HOST, self._target_port)
            ways = [asyncio.create_task(self._pass(reader, back)), asyncio.create_task(self._pass(there, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            back.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await asyncio.sleep(self.delay)
            if not self.is_cut:
                writer.write(data)
                await writer.drain()
        writer.close()
