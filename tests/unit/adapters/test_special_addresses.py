"""No address that the registries keep for something is dialled as a public one, however it is written.

Source: IANA IPv4 Special-Purpose Address Registry; IANA IPv6 Special-Purpose Address Registry; IANA IPv6 Address Space.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from meridian.adapters.xks_proxy.addresses import Dialling
from meridian.adapters.xks_proxy.special_addresses import SPECIAL_V4, SPECIAL_V6

PUBLIC = ("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0",
          "192.0.1.1", "192.0.3.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2000::1", "2001:200::1", "2001:4860:4860::8888",
          "2606:4700::1111", "2a00::1", "3ffe::1", "3fff:1000::1", "64:ff9b::808:808", "2002:808:808::1", "::ffff:8.8.8.8")  # fmt: skip
SPECIAL = {
    "fe80::1": "link-local", "fe80::1%eth0": "with a zone", "fec0::1": "site-local", "fc00::1": "unique local", "fd00::1": "unique local",
    "ff02::1": "multicast", "ff0e::1": "multicast of the whole world", "::": "unspecified", "::1": "loopback", "100::1": "discard-only",
    "100:0:0:1::1": "dummy prefix", "5f00::1": "segment routing", "4000::1": "not assigned", "1fff::1": "not assigned",
    "e000::1": "not assigned",
    "2001::1": "Teredo", "2001:1::1": "port control", "2001:2::1": "benchmarking", "2001:3::1": "AMT", "2001:4:112::1": "AS112",
    "2001:20::1": "ORCHIDv2", "2001:30::1": "drone remote ID", "2001:db8::1": "documentation", "3fff::1": "documentation",
    "64:ff9b:1::a00:1": "NAT64 of a network's own", "64:ff9b:1::808:808": "NAT64 of a network's own", "192.0.0.192": "a cloud's metadata",
    "169.254.169.254": "a cloud's metadata", "255.255.255.255": "broadcast", "::10.0.0.1": "IPv4-compatible",
    "::ffff:0:127.0.0.1": "IPv4-translated",
}  # fmt: skip
"""Of the registries and the address space, and what scripts found to be dialled."""
INSIDE = [str(at) for table in (SPECIAL_V4, SPECIAL_V6) for each in table for at in (each.network_address, each.broadcast_address)]
FORMS = (
    "::{high:x}:{low:x}",
    "::ffff:{high:x}:{low:x}",
    "::ffff:0:{high:x}:{low:x}",
    "64:ff9b::{high:x}:{low:x}",
    "2002:{high:x}:{low:x}::1",
)
CARRIED = [
    written.format(high=int(ip_address(inner)) >> 16, low=int(ip_address(inner)) & 0xFFFF)
    for inner in ("10.0.0.1", "127.0.0.1", "169.254.169.254", "192.0.0.192", "192.168.1.1", "100.64.0.1")
    for written in (
        "::{high:x}:{low:x}",
        "::ffff:{high:x}:{low:x}",
        "::ffff:0:{high:x}:{low:x}",
        "64:ff9b::{high:x}:{low:x}",
        "2002:{high:x}:{low:x}::1",
    )
]
NOBODY = Dialling((), {}, {})


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_dialled(address: str) -> None:
    assert NOBODY.is_allowed(address)


@pytest.mark.parametrize("address", [*SPECIAL, *INSIDE, *CARRIED])
def test_special_addresses_are_not(address: str) -> None:
    assert not NOBODY.is_allowed(address)


@pytest.mark.parametrize(
    ("network", "address", "is_named"),
    [
        ("10.0.0.0/8", "10.0.0.1", True),
        ("10.0.0.0/8", "64:ff9b::a00:1", True),
        ("10.0.0.0/8", "11.0.0.1", True),
        ("10.0.0.0/8", "192.168.0.1", False),
        ("fd00::/8", "fd00::1", True),
        ("fd00::/8", "fc00::1", False),
        ("::1/128", "::1", True),
        ("64:ff9b:1::/48", "64:ff9b:1::a00:1", True),
        ("::/0", "64:ff9b::a00:1", False),
    ],
)
def test_networks_of_the_operator_are_dialled_too(network: str, address: str, is_named: bool) -> None:
    assert Dialling((ip_network(network),), {}, {}).is_allowed(address) is is_named


def test_what_is_no_address_is_not_dialled() -> None:
    assert not any(map(NOBODY.is_allowed, ("", "localhost", "1.1.1", "0x7f.1", "%", "::g")))
