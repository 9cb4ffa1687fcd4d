"""What the TLS library has checked once, when a connection began, is checked again on each call: connections outlive certificates."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from meridian.authentication.certificate_names import require_bounded
from meridian.crypto.certificate_life import CertificateLife, certificate_life, is_issued_by, split_certificates
from meridian.domain.newest import Newest
from meridian.errors import UnrecognizedClientException

CACHE_ENTRIES_MAX: Final = 4096
REMOVED_MAX: Final = 16
"""Authorities remembered as taken out of the bundle; connections from before them end by their age."""


class CertificateCheck:
    """The clients' certificates of one listener: within their life, of no longer life than allowed, under no authority that was removed.

    A certificate is parsed once while the authorities stay. One that an intermediate authority issued is not followed to its root: its
    connection ends by its age.
    """

    def __init__(self, client_ca: bytes, *, hours_max: float | None) -> None:
        """`client_ca`: the authorities of the listener, PEM. `hours_max`: the longest life accepted. Raises: ValueError."""
        self._life_max = timedelta(hours=hours_max) if hours_max is not None else None
        self._trusted = split_certificates(client_ca)
        self._removed: tuple[bytes, ...] = ()
        self._known: Newest[bytes, CertificateLife | str] = Newest(CACHE_ENTRIES_MAX)

    def use_authorities(self, client_ca: bytes) -> None:
        """From now on these authorities count. Raises: ValueError if they cannot be read."""
        trusted = split_certificates(client_ca)
        gone = [pem for pem in (*self._removed, *self._trusted) if pem not in trusted]
        self._trusted, self._removed = trusted, tuple(dict.fromkeys(gone))[-REMOVED_MAX:]
        self._known.clear()

    def require_good(self, pem: bytes, now: datetime) -> CertificateLife:
        """The life of a certificate that the TLS library has verified. Raises: UnrecognizedClientException."""
        require_bounded(pem)
        known = self._known.get(pem)
        if known is None:
            known = self._known.put(pem, self._judge(pem))
        if isinstance(known, str):
            raise UnrecognizedClientException(reason=known)
        if not known.not_before <= now < known.not_after:
            raise UnrecognizedClientException(reason="client certificate has expired, or is not yet valid")
        return known

    def _judge(self, pem: bytes) -> CertificateLife | str:
        """The certificate's life, or why it is refused."""
        try:
            life = certificate_life(pem)
            if self._removed and is_issued_by(pem, self._removed) and not is_issued_by(pem, self._trusted):
                return "client certificate is of an authority that was removed"
        except ValueError:
            return "client certificate cannot be read"
        if self._life_max is not None and life.length > self._life_max:
            return f"client certificate lives longer than {self._life_max.total_seconds() / 3600:g} hours"
        return life
