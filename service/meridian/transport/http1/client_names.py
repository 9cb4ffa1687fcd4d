"""What clients of a TLS listener show of themselves, and which are let in, of those whose certificates its authority has signed: by the
names in them."""

from __future__ import annotations

import ssl
from asyncio import BaseTransport
from collections.abc import Iterable, Iterator
from typing import Any, Final

COMMON_NAME: Final = "commonName"
DNS: Final = "DNS"


class ClientNames:
    """Common names and DNS names, compared whole and without regard to case; none lets every client in."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(name.lower() for name in names)

    def admits(self, transport: BaseTransport) -> bool:
        """Whether the client at the other end has one of the names. Asked after the handshake, before anything is read."""
        if not self._names:
            return True
        certificate = transport.get_extra_info("peercert")
        return bool(certificate) and any(name.lower() in self._names for name in _names_in(certificate))


def shown_certificate(transport: BaseTransport) -> bytes:
    """The verified certificate of the other end, PEM; nothing where it showed none."""
    tls = transport.get_extra_info("ssl_object")
    shown = tls.getpeercert(binary_form=True) if tls is not None else None
    return ssl.DER_cert_to_PEM_cert(shown).encode() if shown else b""


def _names_in(certificate: Any) -> Iterator[str]:
    """The names that Python's TLS shows of a certificate that it has verified."""
    for part in certificate.get("subject", ()):
        for kind, value in part:
            if kind == COMMON_NAME:
                yield value
    for kind, value in certificate.get("subjectAltName", ()):
        if kind == DNS:
            yield value
