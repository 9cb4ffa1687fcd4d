"""Calls by a generator in C: h2load, over HTTP/2 and HTTP/1.1, with a client certificate where the server asks for one.

h2load takes every HTTP 200 for an answer, also one with an error of gRPC in it: whoever measures looks once at a real answer first, and
counts in the server what was answered. It shows no client certificate, so a library that is loaded before it does that for it
(client_certificate.c); the C compiler and the package nghttp2-client of Debian are what it takes.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).with_name("client_certificate.c")
LIBRARY: Final = "client_certificate.so"
NEEDED: Final = {"h2load": "nghttp2-client", "cc": "gcc"}
RUN_SECONDS: Final = 60
GRPC_HEADERS: Final = {"content-type": "application/grpc", "te": "trailers"}


class UnansweredError(Exception):
    """Not every call of a run was answered with HTTP 200."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How calls are spread over connections; each has so many in flight at any moment."""

    connections: int
    streams: int

    @property
    def in_flight(self) -> int:
        return self.connections * self.streams


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files of a client's certificate and its key."""

    file: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Generator:
    """One request, sent again and again; its files lie in a folder that nothing else is in."""

    folder: Path
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    certificate: Certificate | None = None
    http1: bool = False

    async def run(self, calls: int, shape: Shape) -> float:
        """The median time of a call, in microseconds. Raises: UnansweredError."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "body").write_bytes(self.body)
        log = self.folder / "log"
        log.unlink(missing_ok=True)
        process = await asyncio.create_subprocess_exec(
            *self._command(calls, shape, log),
            env={**os.environ, **self._environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            told, _ = await asyncio.wait_for(process.communicate(), RUN_SECONDS)
        except TimeoutError:
            process.kill()
            raise
        rows = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
        if [row[1] for row in rows] != ["200"] * calls:
            raise UnansweredError(f"{self.url}: not {calls} answers, {told.decode()[-600:]}")
        return statistics.median(int(row[2]) for row in rows)

    def _command(self, calls: int, shape: Shape, log: Path) -> list[str]:
        options = ["-n", str(calls), "-c", str(shape.connections), "-m", str(shape.streams), "-d", str(self.folder / "body")]
        headers = [each for name, value in self.headers.items() for each in ("-H", f"{name}: {value}")]
        return ["h2load", *options, *headers, "--log-file", str(log), *(["--h1"] if self.http1 else []), self.url]

    def _environment(self) -> dict[str, str]:
        if self.certificate is None:
            return {}
        library = self.folder.parent / LIBRARY
        if not library.exists():
            command = [shutil.which("cc") or "cc", "-shared", "-fPIC", "-o", str(library), str(SOURCE)]
            subprocess.run(command, check=True, capture_output=True, timeout=RUN_SECONDS)
        files = {"CLIENT_CERTIFICATE": str(self.certificate.file), "CLIENT_KEY": str(self.certificate.key)}
        return {"LD_PRELOAD": str(library), **files}


@cache
def missing() -> str:
    """What this machine lacks for it; nothing of that is an empty text."""
    absent = {program: package for program, package in NEEDED.items() if shutil.which(program) is None}
    return "".join(f"no {program} (apt-get install {package}); " for program, package in absent.items()).removesuffix("; ")


def framed(message: bytes) -> bytes:
    """A message as the body of a unary call of gRPC: not compressed, its length, itself."""
    return struct.pack(">BI", 0, len(message)) + message
