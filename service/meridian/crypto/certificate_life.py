"""What certificates say of themselves: from when to when they live, who issued them, which key they are for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization


@dataclass(frozen=True, slots=True)
class CertificateLife:
    """From when to when a certificate is valid; aware, in UTC."""

    not_before: datetime
    not_after: datetime

    @property
    def length(self) -> timedelta:
        return self.not_after - self.not_before


def certificate_life(pem: bytes) -> CertificateLife:
    """The life of the first certificate. Raises: ValueError if the bytes are no PEM certificate."""
    certificate = x509.load_pem_x509_certificate(pem)
    return CertificateLife(certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def certificate_lives(pem: bytes) -> tuple[CertificateLife, ...]:
    """The lives of all certificates. Raises: ValueError if there is none, or one cannot be read."""
    return tuple(CertificateLife(c.not_valid_before_utc, c.not_valid_after_utc) for c in x509.load_pem_x509_certificates(pem))


def require_key_of(certificate: bytes, private_key: bytes) -> None:
    """Check that a PEM private key, not under a passphrase, is that of the first certificate. Raises: ValueError."""
    try:
        public = serialization.load_pem_private_key(private_key, None).public_key()
    except TypeError as fault:
        raise ValueError("the private key is under a passphrase") from fault
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if x509.load_pem_x509_certificate(certificate).public_key().public_bytes(*form) != public.public_bytes(*form):
        raise ValueError("the private key is not that of the certificate")


def split_certificates(pem: bytes) -> tuple[bytes, ...]:
    """Each certificate of a bundle on its own, PEM. Raises: ValueError."""
    return tuple(c.public_bytes(serialization.Encoding.PEM) for c in x509.load_pem_x509_certificates(pem))


def is_issued_by(certificate: bytes, issuers: Sequence[bytes]) -> bool:
    """Whether one of these certificates has directly issued this one. Raises: ValueError if one cannot be read."""
    leaf = x509.load_pem_x509_certificate(certificate)
    return any(_is_issued(leaf, x509.load_pem_x509_certificate(pem)) for pem in issuers)


def _is_issued(leaf: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
