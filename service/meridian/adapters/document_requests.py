"""Requests for documents, by aiohttp, which is loaded with the first of them: see `fetched_document.py`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from meridian.adapters.fetched_document import FetchFault, Source
from meridian.adapters.xks_proxy.bounded_answers import HEAD_BYTES_MAX, HEADER_BYTES_MAX, BoundedConnector
from meridian.adapters.xks_proxy.lookups import Lookups

ADDRESSES_MAX: Final = 8
OK: Final = frozenset({200, 201})
"""The second where something was made, such as a review."""


class _Resolver(AbstractResolver):
    """Looks names up in threads of their own."""

    def __init__(self, lookups: Lookups, owner: str) -> None:
        self._lookups = lookups
        self._owner = owner

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:  # noqa: ARG002 - the signature that aiohttp calls
        found = await self._lookups.addresses(self._owner, host, port)
        return [_result(host, address, port) for address in found[:ADDRESSES_MAX]]

    async def close(self) -> None:
        """Nothing is held."""


async def answer_to(
    method: str, url: str, data: Mapping[str, str] | bytes | None, shown: Mapping[str, str], source: Source, *, seconds: float
) -> bytes:
    """The body of a good answer, in so many seconds at most. Raises: FetchFault."""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", **shown}
    try:
        async with asyncio.timeout(seconds):
            async with _session(source) as session:
                async with session.request(method, url, data=data, headers=headers, ssl=source.tls, allow_redirects=False) as response:
                    if response.status not in OK:
                        raise FetchFault(f"answers HTTP {response.status}", status=response.status)
                    return await _bounded(response, source.bytes_max)
    except TimeoutError as fault:
        raise FetchFault(f"has not answered within {seconds:g} seconds") from fault
    except aiohttp.ClientSSLError as fault:
        raise FetchFault(f"TLS fails: {type(fault).__name__}") from fault
    except aiohttp.ClientConnectorError as fault:
        raise FetchFault(f"cannot be reached: {type(fault.os_error).__name__}") from fault
    except (aiohttp.ClientError, OSError, ValueError) as fault:
        raise FetchFault(f"its answer cannot be read: {type(fault).__name__}") from fault


def _session(source: Source) -> aiohttp.ClientSession:
    resolver = _Resolver(source.lookups, source.owner)
    return aiohttp.ClientSession(
        connector=BoundedConnector(HEAD_BYTES_MAX + source.bytes_max, resolver=resolver, use_dns_cache=False, force_close=True, limit=1),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),
        max_line_size=HEADER_BYTES_MAX,
        max_field_size=HEADER_BYTES_MAX,
        trust_env=False,
    )


async def _bounded(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    """The whole body. Raises: FetchFault for one that is longer."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > bytes_max:
            raise FetchFault(f"answers more than {bytes_max:,} bytes")
    return bytes(body)


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(
        hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    )
