"""A load over HTTP: one request, made beforehand, sent again and again over kept connections; every answer is checked."""

from __future__ import annotations

import asyncio
import http
import ssl

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from meridian.cli.region_place import HOST


def post(port: int, path: str, headers: dict[str, str], body: bytes) -> bytes:
    """A POST as it goes over the wire."""
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = [f"POST {path} HTTP/1.1", f"Host: {HOST}:{port}", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


def signed(port: int, region: str, access_key: tuple[str, str], operation: str, body: bytes) -> bytes:
    """A signed call of AWS KMS; equal calls within five minutes are signed alike."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"TrentService.{operation}"}
    request = AWSRequest("POST", f"http://{HOST}:{port}/", headers=headers, data=body)
    SigV4Auth(Credentials(*access_key), "kms", region).add_auth(request)
    return post(port, "/", dict(request.headers.items()), body)


class Kept:
    """One request over as many connections as there are callers at once; they are kept if the server keeps them."""

    def __init__(self, port: int, request: bytes, expected: bytes, tls: ssl.SSLContext | None = None) -> None:
        self.request = request
        self._port, self._expected, self._tls = port, expected, tls
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
        writer.write(self.request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(int(line.split(":")[1]) for line in head.splitlines() if line.startswith("content-length"))
        answer = await reader.readexactly(length)
        assert f" {http.HTTPStatus.OK.value} " in head, answer
        assert self._expected in answer
        if "connection: close" in head:
            writer.close()
        else:
            self._free.append((reader, writer))
