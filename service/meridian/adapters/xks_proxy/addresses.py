"""Where a proxy is dialled: only at addresses that the operator lets callers of this service reach.

A store's endpoint is chosen by a caller, and so is what its name resolves to; the answer is looked at for every connection, and the
connection goes to the very address that was looked at.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

from meridian.adapters.xks_proxy.lookups import Lookups
from meridian.adapters.xks_proxy.special_addresses import is_public, plain

PORT: Final = 443
ADDRESSES_MAX: Final = 8
"""Of one name; more are not tried."""

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class EndpointService:
    """A private way to a proxy, by the name that AWS gives such ways."""

    host: str
    address: str
    """`host:port`."""


@dataclass(frozen=True, slots=True)
class Dialling:
    """What the operator says about proxies."""

    networks: tuple[Network, ...]
    """Private networks whose addresses may be dialled; public ones may."""
    hosts: Mapping[str, str]
    """Host of an endpoint, to the `host:port` that is dialled in its place."""
    endpoint_services: Mapping[str, EndpointService]

    def target(self, host: str, service: str | None) -> tuple[str, int]:
        """Name or address, and port."""
        private = self.endpoint_services.get(service) if service is not None else None
        known = private.address if private is not None else self.hosts.get(host)
        if known is None:
            return host, PORT
        name, _, port = known.rpartition(":")
        return name.strip("[]"), int(port)

    def is_allowed(self, address: str) -> bool:
        """Whether a connection may go to this address."""
        try:
            parsed = plain(ip_address(address.partition("%")[0]))
        except ValueError:
            return False
        return is_public(parsed) or any(parsed in network for network in self.networks)


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


def is_literal(host: str) -> bool:
    """Whether this is an address already."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
