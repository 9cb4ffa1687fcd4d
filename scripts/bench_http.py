"""A load over HTTP: one request, made beforehand, sent again and again over kept connections; every answer is checked."""

from __future__ import annotations

import asyncio
import http
import ssl
from dataclasses import dataclass, replace
from pathlib import Path

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from h2load import Certificate, Generator

from meridian.cli.region_place import HOST


@dataclass(frozen=True, slots=True)
class Post:
    """A POST that is sent again and again, and a text that its answer holds."""

    port: int
    path: str
    headers: dict[str, str]
    body: bytes
    expected: bytes
    tls: ssl.SSLContext | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{HOST}:{self.port}{self.path}"

    def on_the_wire(self) -> bytes:
        lines = [f"{name}: {value}" for name, value in self.headers.items()]
        head = [f"POST {self.path} HTTP/1.1", f"Host: {HOST}:{self.port}", f"Content-Length: {len(self.body)}", *lines]
        return "\r\n".join([*head, "", ""]).encode() + self.body

    def generator(self, folder: Path, certificate: Certificate | None, http1: bool) -> Generator:
        return Generator(folder, self.url, self.headers, self.body, certificate, http1)


def signed(post: Post, region: str, access_key: tuple[str, str], operation: str) -> Post:
    """A call of AWS KMS with its signature; equal calls within five minutes are signed alike."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"TrentService.{operation}"}
    request = AWSRequest("POST", post.url, headers=headers, data=post.body)
    SigV4Auth(Credentials(*access_key), "kms", region).add_auth(request)
    return replace(post, headers=dict(request.headers.items()))


class Kept:
    """One request over as many connections as there are callers at once; they are kept if the server keeps them."""

    def __init__(self, post: Post) -> None:
        self._request, self._port, self._expected, self._tls = post.on_the_wire(), post.port, post.expected, post.tls
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._free:
            reader, writer = self._free.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()  # the server ended it while another was measured
        return await asyncio.open_connection(HOST, self._port, ssl=self._tls)

    async def call(self, _: int = 0) -> None:
        reader, writer = await self._connection()
        writer.write(self._request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        answer = await _body(reader, head)
        assert f" {http.HTTPStatus.OK.value} " in head, answer
        assert self._expected in answer, answer
        if "connection: close" in head:
            writer.close()
        else:
            self._free.append((reader, writer))


async def _body(reader: asyncio.StreamReader, head: str) -> bytes:
    """What follows this head, in one piece or in several."""
    if "transfer-encoding: chunked" not in head:
        length = next(int(line.split(":")[1]) for line in head.splitlines() if line.startswith("content-length"))
        return await reader.readexactly(length)
    pieces = []
    while length := int(await reader.readline(), 16):
        pieces.append(await reader.readexactly(length))
        await reader.readline()
    await reader.readline()
    return b"".join(pieces)
