"""THE table of addresses that no proxy has in public: an address is dialled where it is none of them, or where the operator names it.

Python's own answer follows its release and not the registries, and takes what is not assigned for public. Here IPv6 is public in
2000::/3 alone, which is all that is assigned to be, and an address that carries one of IPv4 leads where that leads.

Source: IANA IPv4 Special-Purpose Address Registry; IANA IPv6 Special-Purpose Address Registry; IANA IPv6 Global Unicast Address
Assignments; RFC 6052 and RFC 8215 (NAT64), RFC 4291 section 2.5.5, RFC 2765 section 2.1, RFC 3056 (6to4).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

SPECIAL_V4: Final = {
    IPv4Network("0.0.0.0/8"): "this network, RFC 791",
    IPv4Network("10.0.0.0/8"): "private use, RFC 1918",
    IPv4Network("100.64.0.0/10"): "shared address space, RFC 6598",
    IPv4Network("127.0.0.0/8"): "loopback, RFC 1122",
    IPv4Network("169.254.0.0/16"): "link-local, RFC 3927",
    IPv4Network("172.16.0.0/12"): "private use, RFC 1918",
    IPv4Network("192.0.0.0/24"): "IETF protocol assignments, RFC 6890, whole",
    IPv4Network("192.0.2.0/24"): "documentation, RFC 5737",
    IPv4Network("192.31.196.0/24"): "AS112, RFC 7535",
    IPv4Network("192.52.193.0/24"): "AMT, RFC 7450",
    IPv4Network("192.88.99.0/24"): "6to4 relays, RFC 7526",
    IPv4Network("192.168.0.0/16"): "private use, RFC 1918",
    IPv4Network("192.175.48.0/24"): "AS112, RFC 7534",
    IPv4Network("198.18.0.0/15"): "benchmarking, RFC 2544",
    IPv4Network("198.51.100.0/24"): "documentation, RFC 5737",
    IPv4Network("203.0.113.0/24"): "documentation, RFC 5737",
    IPv4Network("224.0.0.0/4"): "multicast, RFC 5771",
    IPv4Network("240.0.0.0/4"): "reserved and limited broadcast, RFC 1112 and RFC 8190",
}
PUBLIC_V6: Final = IPv6Network("2000::/3")
SPECIAL_V6: Final = {
    IPv6Network("2001::/23"): "IETF protocol assignments, RFC 2928, whole",
    IPv6Network("2001:db8::/32"): "documentation, RFC 3849",
    IPv6Network("2620:4f:8000::/48"): "AS112, RFC 7534",
    IPv6Network("3fff::/20"): "documentation, RFC 9637",
}
CARRYING: Final = {
    IPv6Network("::/96"): 0,
    IPv6Network("::ffff:0:0/96"): 0,
    IPv6Network("::ffff:0:0:0/96"): 0,
    IPv6Network("64:ff9b::/96"): 0,
    IPv6Network("2002::/16"): 80,
}
"""How many bits follow the address of IPv4 that one of IPv6 carries. In 64:ff9b:1::/48 each network has its own
place for it (RFC 8215), so none of that is public."""

Address = IPv4Address | IPv6Address


def plain(address: Address) -> Address:
    """Where an address leads: the one of IPv4 that it carries, or itself."""
    if isinstance(address, IPv6Address) and not address.is_loopback:
        for network, after in CARRYING.items():
            if address in network:
                return IPv4Address(int(address) >> after & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether a plain address may be anybody's."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in SPECIAL_V4)
    return address in PUBLIC_V6 and not any(address in network for network in SPECIAL_V6)
