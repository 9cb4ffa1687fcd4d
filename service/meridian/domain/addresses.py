"""Addresses of callers, in one form whatever socket they came through."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

PREFIX_BITS: Final = 64
"""What a host of IPv6 is given at least: the addresses of one /64 are one caller's."""
KEPT: Final = 4096
NO_ADDRESS: Final = "no address"
ADDRESS_CHARACTERS_MAX: Final = 45
"""Of the longest address, an IPv4 address that is mapped into IPv6 and written out."""


def is_foreign_address(text: str) -> bool:
    """Whether this may be an address that somebody else wrote: no longer than one is, and without a zone, which means nothing here."""
    return len(text) <= ADDRESS_CHARACTERS_MAX and "%" not in text and _plain(text) is not None


def plain_address(text: str) -> str:
    """The canonical text of an address, without a zone; an IPv4 address that is mapped into IPv6 is that IPv4 address.

    A text that is no address comes back as it is, and is not kept.
    """
    bare = text.partition("%")[0]
    plain = _plain(bare) if len(bare) <= ADDRESS_CHARACTERS_MAX else None
    return text if plain is None else plain


def network_of(text: str) -> str:
    """What an address is counted under: itself for IPv4, its /64 for IPv6. All that is no address is counted under one name."""
    bare = text.partition("%")[0]
    network = _network(bare) if len(bare) <= ADDRESS_CHARACTERS_MAX else None
    return NO_ADDRESS if network is None else network


@lru_cache(maxsize=KEPT)
def _plain(text: str) -> str | None:
    address = _read(text)
    return None if address is None else str(address)


@lru_cache(maxsize=KEPT)
def _network(text: str) -> str | None:
    address = _read(text)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, PREFIX_BITS), strict=False))
    return None if address is None else str(address)


def _read(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address if isinstance(address, IPv4Address) else address.ipv4_mapped or address
