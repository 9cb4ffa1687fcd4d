"""How long a certificate lives."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509


def certificate_not_after(pem: bytes) -> datetime:
    """The end of a certificate's validity, aware, in UTC. Raises: ValueError if the bytes are no PEM certificate."""
    return x509.load_pem_x509_certificate(pem).not_valid_after_utc
