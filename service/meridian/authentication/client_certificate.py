"""Callers known by the SPIFFE id of their client certificate.

The TLS library has verified the chain; here the certificate's life is checked again on each call, because connections outlive
certificates, and its SPIFFE id is mapped to a principal.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from datetime import datetime
from typing import Final

from meridian.crypto.certificate_life import certificate_not_after
from meridian.domain.call import Evidence, Principal
from meridian.errors import UnrecognizedClientException
from meridian.ports.principals import Principals

CACHE_ENTRIES_MAX: Final = 4096


class ClientCertificates:
    """Certificate → principal, parsed once per certificate; bounded, and never beyond the certificate's life."""

    def __init__(self, principals: Principals) -> None:
        self._principals = principals
        self._known: OrderedDict[bytes, Principal] = OrderedDict()

    def authenticate(self, evidence: Evidence, now: datetime) -> Principal:
        """The principal of a verified certificate. Raises: UnrecognizedClientException if it names nobody or has expired."""
        principal = self._known.get(evidence.certificate_pem)
        if principal is None:
            principal = self._read(evidence)
        if principal.expires_at is None or principal.expires_at <= now:
            raise UnrecognizedClientException(reason="client certificate has expired")
        return principal

    def _read(self, evidence: Evidence) -> Principal:
        found = self._principals.find_by_spiffe_id(evidence.spiffe_id)
        if found is None:
            raise UnrecognizedClientException(reason=f"no principal for {evidence.spiffe_id}")
        try:
            expires_at = certificate_not_after(evidence.certificate_pem)
        except ValueError as fault:
            raise UnrecognizedClientException(reason="client certificate cannot be read") from fault
        principal = replace(found, expires_at=expires_at)
        self._known[evidence.certificate_pem] = principal
        if len(self._known) > CACHE_ENTRIES_MAX:
            self._known.popitem(last=False)
        return principal
