"""How many names a client certificate has: a transport that finds two shows none, which must not look like a certificate without."""

from __future__ import annotations

from typing import Final

from meridian.crypto.certificate_uris import certificate_uris
from meridian.domain.newest import Newest
from meridian.errors import UnrecognizedClientException

CERTIFICATES_MAX: Final = 4096
PEM_BYTES_MAX: Final = 16 * 1024
"""Of one certificate; a longer one is remembered nowhere, whoever signed it."""
SPIFFE: Final = "spiffe://"
SPIFFE_ID_CHARACTERS_MAX: Final = 2048
TRUST_DOMAIN_CHARACTERS_MAX: Final = 255


class CertificateNames:
    """Certificate → the URIs among its names, read once per certificate; bounded."""

    def __init__(self) -> None:
        self._known: Newest[bytes, tuple[str, ...]] = Newest(CERTIFICATES_MAX)

    def of(self, pem: bytes) -> tuple[str, ...]:
        """The names of a certificate, none where the connection showed no certificate. Raises: UnrecognizedClientException if it cannot
        be read, or is too long."""
        require_bounded(pem)
        names = self._known.get(pem)
        return self._known.put(pem, _read(pem)) if names is None else names


def spiffe_id_in(pem: bytes) -> str:
    """The SPIFFE id of a certificate, where that is its one name; empty for any other. Source: SPIFFE-ID and X.509-SVID specifications."""
    try:
        names = certificate_uris(pem)
    except ValueError:
        return ""
    return names[0] if len(names) == 1 and _is_spiffe_id(names[0]) else ""


def _is_spiffe_id(name: str) -> bool:
    domain, _, path = name.removeprefix(SPIFFE).partition("/")
    is_bounded = len(name) <= SPIFFE_ID_CHARACTERS_MAX and len(domain) <= TRUST_DOMAIN_CHARACTERS_MAX
    return name.startswith(SPIFFE) and is_bounded and bool(path.partition("/")[0])


def require_bounded(pem: bytes) -> None:
    """Raises: UnrecognizedClientException for a certificate that is too long."""
    if len(pem) > PEM_BYTES_MAX:
        raise UnrecognizedClientException(reason="client certificate is too long")


def _read(pem: bytes) -> tuple[str, ...]:
    if not pem:
        return ()
    try:
        return certificate_uris(pem)
    except ValueError as fault:
        raise UnrecognizedClientException(reason="client certificate cannot be read") from fault
