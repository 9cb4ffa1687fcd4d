"""Whoever floods instead of answering costs few bytes and his connection."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import pytest

from meridian.adapters.fetched_document import FetchFault, Source, fetch
from meridian.adapters.xks_proxy.lookups import Lookups


@pytest.mark.parametrize("flood", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", b"\r\n"])
def test_an_answer_that_never_begins_is_given_up_after_few_bytes(flood: bytes) -> None:
    sent = 0

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(flood * 100)
                sent += 100 * len(flood)
                await writer.drain()

    async def story() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        lookups = Lookups()
        try:
            with pytest.raises(FetchFault):
                await fetch(url, Source("x", ssl.create_default_context(), 1000, lookups), bearer_token="")
        finally:
            lookups.close()
            server.close()

    asyncio.run(asyncio.wait_for(story(), 60))
    assert sent < 16 << 20, "no more than what lies in the sockets' buffers"
