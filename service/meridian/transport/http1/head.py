"""Bytes of a request's head → the one value that everything reads: THE place where a head is parsed.

A header comes once, whatever its name, and so does a query parameter: a second one would be read by somebody and signed by somebody
else. Who is on the other end is the connection's word; a header says it only where the other end is a proxy that the settings trust.

Source: RFC 9112; RFC 9110, section 5.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote

from meridian.domain.addresses import is_foreign_address, plain_address
from meridian.domain.request_head import RequestHead
from meridian.transport.http1.faults import HttpFault, RefusedRequest

FORWARDED_FOR: Final = "x-forwarded-for"
CONTENT_LENGTH_DIGITS_MAX: Final = 15
HOPS_MAX: Final = 16
"""Of a request's way through trusted proxies, as far as it is followed."""
PARAMETERS_MAX: Final = 64

Networks = tuple[IPv4Network | IPv6Network, ...]


class Peer:
    """The other end of one connection."""

    def __init__(self, address: str, trusted_proxies: Networks) -> None:
        self.address = plain_address(address)
        self.certificate_pem = b""
        """What the other end showed in its handshake, verified; nothing where it showed none."""
        self._trusted = trusted_proxies
        self._is_proxy = self._is_trusted(self.address)

    def client_of(self, headers: Mapping[str, str]) -> str:
        """The address of the client. A trusted proxy appends whom it speaks for; the last address that is no trusted proxy is he.

        What stands before him he wrote himself, and it is not read. Raises: RefusedRequest where what a trusted proxy wrote is no
        address, or after 16 of them.
        """
        if not self._is_proxy or FORWARDED_FOR not in headers:
            return self.address
        hop, written = self.address, headers[FORWARDED_FOR].rsplit(",", HOPS_MAX)
        for text in reversed(written[-HOPS_MAX:]):
            hop = _address(text)
            if not self._is_trusted(hop):
                return hop
        if len(written) > HOPS_MAX:
            raise RefusedRequest(HttpFault.FORWARDED_FOR, f"more than {HOPS_MAX} proxies")
        return hop

    def _is_trusted(self, address: str) -> bool:
        return bool(self._trusted) and any(ip_address(address) in network for network in self._trusted)


class HeadLines:
    """The lines of one head, as the parser finds them."""

    def __init__(self) -> None:
        self.url = b""
        self._headers: dict[str, str] = {}

    def add(self, name: bytes, value: bytes) -> None:
        """Raises: RefusedRequest for a name that is there already."""
        text = name.decode("latin-1").lower()
        if text in self._headers:
            raise RefusedRequest(HttpFault.REPEATED_HEADER, text)
        self._headers[text] = value.strip(b" \t").decode("latin-1")

    def read(self, method: str, peer: Peer) -> RequestHead:
        """The head. Raises: RefusedRequest."""
        headers = self._headers
        if "transfer-encoding" in headers:
            raise RefusedRequest(HttpFault.LENGTH_REQUIRED)
        path, _, query = self.url.partition(b"?")
        return RequestHead(
            method,
            _path(path),
            _pairs(query) if query else (),
            MappingProxyType(headers),
            peer.client_of(headers),
            _length(headers.get("content-length", "0")),
            peer.certificate_pem,
        )


def _address(text: str) -> str:
    address = text.strip(" \t")
    if not is_foreign_address(address):
        raise RefusedRequest(HttpFault.FORWARDED_FOR)
    return plain_address(address)


def _path(raw: bytes) -> str:
    if not raw.startswith(b"/") or not raw.isascii() or b"#" in raw:
        raise RefusedRequest(HttpFault.MALFORMED, "path")
    return raw.decode("ascii")


def _length(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= CONTENT_LENGTH_DIGITS_MAX):
        raise RefusedRequest(HttpFault.MALFORMED, "content-length")
    return int(text)


def _pairs(query: bytes) -> tuple[tuple[str, str], ...]:
    if query.count(b"&") >= PARAMETERS_MAX:
        raise RefusedRequest(HttpFault.TOO_MANY_PARAMETERS)
    try:
        parts = [part.partition("=") for part in query.decode("ascii").split("&") if part]
        pairs = tuple((unquote(name, errors="strict"), unquote(value, errors="strict")) for name, _, value in parts)
    except UnicodeDecodeError as fault:
        raise RefusedRequest(HttpFault.MALFORMED, "query") from fault
    if len({name for name, _ in pairs}) != len(pairs):
        raise RefusedRequest(HttpFault.REPEATED_PARAMETER)
    return pairs
