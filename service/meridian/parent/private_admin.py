"""What a process says of itself at its admin socket in the file system."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Final, NamedTuple

ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
ASK_SECONDS: Final = 2.0
"""A process that works answers within milliseconds."""
OK: Final = 200


class Said(NamedTuple):
    """An answer."""

    status: int
    text: str


async def ask(socket: Path, place: str) -> Said:
    """GET a place. Raises: OSError where the process does not answer, TimeoutError (which is one) among them."""
    async with asyncio.timeout(ASK_SECONDS):
        reader, writer = await asyncio.open_unix_connection(socket, limit=ANSWER_BYTES_MAX)
        with contextlib.closing(writer):
            writer.write(f"GET {place} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
            answer = bytearray()
            while part := await reader.read(ANSWER_BYTES_MAX):
                answer += part
                if len(answer) > ANSWER_BYTES_MAX:
                    raise OSError("it says too much")
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        return Said(int(head.split(b" ", 2)[1]), body.decode())
    except (IndexError, ValueError) as fault:
        raise OSError("its answer is none of HTTP") from fault
