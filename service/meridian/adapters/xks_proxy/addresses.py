"""Where a proxy is dialled: only at addresses that the operator lets callers of this service reach.

A store's endpoint is chosen by a caller, and so is what its name resolves to; the answer is looked at for every connection, and the
connection goes to the very address that was looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from meridian.adapters.xks_proxy.special_addresses import is_public, plain

PORT: Final = 443

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


def is_literal(host: str) -> bool:
    """Whether this is an address already."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
