"""Addresses of issuers of tokens: over TLS, but for this machine itself."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

URL_CHARACTERS_MAX: Final = 512
RULE: Final = "must be https://host with a port and a path where it has them, and nothing behind; http:// on this machine alone"


def require_issuer_url(url: str) -> None:
    """Raises: ValueError unless a document can be fetched from there, from whom the address names and nobody else."""
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > URL_CHARACTERS_MAX:
        raise ValueError(RULE)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as fault:
        raise ValueError(RULE) from fault
    is_sound = host and parts.username is None and not parts.query and not parts.fragment and "?" not in url and "#" not in url
    if not is_sound or (parts.scheme != "https" and not (parts.scheme == "http" and _is_this_machine(host))):
        raise ValueError(RULE)


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address that has been checked; whoever stands behind it is one."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme)
