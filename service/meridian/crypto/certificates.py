"""Certificates for deployments that have no authority of their own: `meridian dev`, and tests.

ECDSA P-256. A leaf has at most one SPIFFE URI; one without any names nobody.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE: Final = timedelta(days=3650)
LEAF_LIFE: Final = timedelta(hours=24)
CLOCK_SKEW: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """PEM of a certificate and of its private key."""

    certificate: bytes
    private_key: bytes

    def __repr__(self) -> str:
        return "CertificateFiles(…)"


def new_authority(name: str, now: datetime) -> CertificateFiles:
    """A self-signed authority that lives ten years."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key.public_key(), now, AUTHORITY_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return _files(builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()), key)


def new_leaf(  # noqa: PLR0913 - kinds of names, most of which are left out
    authority: CertificateFiles,
    name: str,
    now: datetime,
    *,
    spiffe_id: str = "",
    dns_names: Sequence[str] = (),
    addresses: Sequence[str] = (),
    life: timedelta = LEAF_LIFE,
) -> CertificateFiles:
    """A certificate for a server, a client, or both."""
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    issuer_key = serialization.load_pem_private_key(authority.private_key, None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise ValueError("the authority's key is no EC key")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, issuer.subject, key.public_key(), now, life)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    names: list[x509.GeneralName] = [x509.DNSName(n) for n in dns_names]
    names += [x509.IPAddress(ipaddress.ip_address(a)) for a in addresses]
    names += [x509.UniformResourceIdentifier(spiffe_id)] if spiffe_id else []
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return _files(builder.sign(issuer_key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + life)
    )


def _files(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> CertificateFiles:
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return CertificateFiles(certificate.public_bytes(serialization.Encoding.PEM), private)
