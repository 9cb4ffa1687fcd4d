"""Addresses of callers, in one form whatever socket they came through."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

PREFIX_BITS: Final = 64
"""What a host of IPv6 is given at least: the addresses of one /64 are one caller's."""
KEPT: Final = 4096


@lru_cache(maxsize=KEPT)
def plain_address(text: str) -> str:
    """The canonical text of an address, without a zone; an IPv4 address that is mapped into IPv6 is that IPv4 address.

    A text that is no address comes back as it is.
    """
    address = _read(text)
    return text if address is None else str(address)


@lru_cache(maxsize=KEPT)
def network_of(text: str) -> str:
    """What an address is counted under: itself for IPv4, its /64 for IPv6. A text that is no address comes back as it is."""
    address = _read(text)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, PREFIX_BITS), strict=False))
    return text if address is None else str(address)


def _read(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address if isinstance(address, IPv4Address) else address.ipv4_mapped or address
