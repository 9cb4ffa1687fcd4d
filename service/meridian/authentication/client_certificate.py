"""Callers known by the SPIFFE id of their client certificate.

The TLS library has verified the chain; here the certificate is checked again on each call, and its SPIFFE id is mapped to the principal
that it names now.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from meridian.authentication.certificate_check import CertificateCheck
from meridian.call import Evidence
from meridian.crypto.certificate_life import CertificateLife
from meridian.domain.newest import Newest
from meridian.domain.principal import Principal
from meridian.errors import UnrecognizedClientException
from meridian.ports.principals import Principals

CACHE_ENTRIES_MAX: Final = 4096


class ClientCertificates:
    """Certificate → principal; bounded. A principal that is no longer known is refused at the next call."""

    def __init__(self, principals: Principals, check: CertificateCheck) -> None:
        self._principals = principals
        self._check = check
        self._known: Newest[bytes, tuple[Principal, Principal]] = Newest(CACHE_ENTRIES_MAX)
        """By certificate: the principal as the principals have it, and with the end of the certificate's life."""

    def require_good(self, evidence: Evidence, now: datetime) -> CertificateLife:
        """The life of the connection's certificate, whomever it names. Raises: UnrecognizedClientException."""
        return self._check.require_good(evidence.certificate_pem, now)

    def authenticate(self, evidence: Evidence, now: datetime) -> Principal:
        """The principal of a verified certificate.

        Raises: UnrecognizedClientException if it names nobody, is denied, has expired, lives too long, or its authority was removed.
        """
        life = self.require_good(evidence, now)
        found = self._principals.find_by_spiffe_id(evidence.spiffe_id)
        if found is None:
            why = "is on the deny list" if self._principals.is_denied(evidence.spiffe_id) else "has no principal"
            raise UnrecognizedClientException(reason=f"{evidence.spiffe_id} {why}")
        known = self._known.get(evidence.certificate_pem)
        if known is None or known[0] is not found:
            # The same value for the same caller, so that what is remembered of him stays his until the principals change.
            known = self._known.put(evidence.certificate_pem, (found, replace(found, expires_at=life.not_after)))
        return known[1]
