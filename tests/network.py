"""A TCP relay that can be slow or silent: between two Regions, where what passes is TLS, or between a Region and its database."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable

from tests.ports import free_port

from meridian.cli.region_place import HOST

CHUNK = 65536


class Relay:
    """Forwards connections to a port, in a thread of its own."""

    def __init__(self, target: int | str | Callable[[], int], source: str = HOST) -> None:
        """`target` is a port of this machine, found anew for each connection where it is a function, or the path of a Unix socket;
        `source` the address that connections to a port seem to come from."""
        self.port = free_port()
        self.delay = 0.0
        """Seconds that each piece of data waits."""
        self.is_cut = False
        """Whether data is swallowed, as by a network that lost its way; connections stay open."""
        self._target = target
        self._source = source
        self._generation = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(asyncio.start_server(self._connected, HOST, self.port), self._loop).result(10)

    def strand(self) -> None:
        """Lose the way of every connection that is open now, for good; both ends believe that it lives. New ones work."""
        self._generation += 1

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
            generation = self._generation
            there, back = await self._connect()
            ways = [
                asyncio.create_task(self._pass(reader, back, generation)),
                asyncio.create_task(self._pass(there, writer, generation)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            back.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, str):
            return await asyncio.open_unix_connection(self._target)
        port = self._target() if callable(self._target) else self._target
        return await asyncio.open_connection(HOST, port, local_addr=(self._source, 0))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, generation: int) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            while data := await reader.read(CHUNK):
                await asyncio.sleep(self.delay)
                if not self.is_cut and generation == self._generation:
                    writer.write(data)
                    await writer.drain()
