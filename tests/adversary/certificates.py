"""Certificates that an authority could sign and nobody should: any names, any use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meridian.client import Endpoint


def odd_certificate(
    own: Endpoint,
    authority: Path,
    folder: Path,
    *,
    uris: Sequence[str] = (),
    common_name: str = "x",
    usage: Sequence[x509.ObjectIdentifier] = (),
    starts_in: timedelta = timedelta(minutes=-1),
    token: str = "",
) -> Endpoint:
    """An endpoint like `own` whose certificate, signed by the clients' authority, is as told."""
    signer = serialization.load_pem_private_key((authority / "client-ca.key").read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    begin = datetime.now(UTC) + starts_in
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(x509.load_pem_x509_certificate((authority / "client-ca.crt").read_bytes()).subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(hours=1))
    )
    if uris:
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
        builder = builder.add_extension(names, critical=False)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    certificate, private_key = folder / "odd.crt", folder / "odd.key"
    certificate.write_bytes(builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private_key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return replace(own, certificate=certificate, private_key=private_key, token=token)
