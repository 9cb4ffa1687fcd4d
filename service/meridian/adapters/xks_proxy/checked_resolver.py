"""Looks up where a proxy is dialled, for aiohttp, which is loaded with the first store that is asked."""

from __future__ import annotations

import socket
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

from meridian.adapters.xks_proxy.addresses import Dialling, is_literal
from meridian.adapters.xks_proxy.lookups import Lookups

ADDRESSES_MAX: Final = 8
"""Of one name; more are not tried."""


class ForbiddenAddress(OSError):
    """A proxy's name leads to an address that may not be dialled."""


class CheckedResolver(AbstractResolver):
    """Resolves one store's proxy, wherever the URL seems to lead. Where the operator has given an address, nothing is looked up."""

    def __init__(self, dialling: Dialling, host: str, service: str | None, lookups: Lookups, account: str) -> None:
        """`account`: of the store, whose share of look-ups it takes."""
        self._dialling = dialling
        self._name, self._port = dialling.target(host, service)
        self._lookups = lookups
        self._account = account

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:  # noqa: ARG002 - the signature that aiohttp calls
        """Raises: OSError; ForbiddenAddress where any address of the name is forbidden; TimeoutError where too much of it waits."""
        found = [self._name] if is_literal(self._name) else await self._lookups.addresses(self._account, self._name, self._port)
        if not found or not all(map(self._dialling.is_allowed, found)):
            raise ForbiddenAddress("the proxy's name leads to an address that may not be dialled")
        return [self._result(host, address) for address in found[:ADDRESSES_MAX]]

    async def close(self) -> None:
        """Nothing is held."""

    def _result(self, host: str, address: str) -> ResolveResult:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return ResolveResult(hostname=host, host=address, port=self._port, family=family, proto=0, flags=flags)
