"""What proxies of external key stores are believed by, and what they are shown: read and checked as a whole, and changed while serving.

Requests that are under way keep the connection that they have; every request after a change is made under what was read last.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from meridian.crypto.certificate_life import CertificateLife, require_key_of, split_certificates
from meridian.engine.secret_files import FileFault, read_secret, read_trusted
from meridian.transport.tls_files import first_of, no_passphrase, valid_lives


@dataclass(frozen=True, slots=True)
class ProxyPaths:
    """PEM files; without authorities those of the system are believed, without a certificate none is shown."""

    trusted_roots: Path | None
    certificate: Path | None
    private_key: Path | None

    @property
    def all(self) -> tuple[Path, ...]:
        return tuple(path for path in (self.trusted_roots, self.certificate, self.private_key) if path is not None)


@dataclass(frozen=True, slots=True, repr=False)
class ProxyFiles:
    """What the files hold, checked."""

    context: ssl.SSLContext
    digest: str
    lives: tuple[tuple[str, CertificateLife], ...]
    """(name of the file, life): of a chain and of a bundle, the one that ends first."""


def read_proxy_files(paths: ProxyPaths, now: datetime) -> ProxyFiles:
    """Raises: FileFault where a file cannot be used, the key is not that of the certificate, or a certificate is not valid now."""
    lives: list[tuple[str, CertificateLife]] = []
    read: list[bytes] = []
    if paths.trusted_roots is None:
        context = ssl.create_default_context()
    else:
        roots = read_trusted(paths.trusted_roots)
        lives.append(("trusted_roots", first_of(valid_lives(paths.trusted_roots, roots, now, any))))
        context = ssl.create_default_context(cadata=b"".join(split_certificates(roots)).decode("ascii"))
        read.append(roots)
    if paths.certificate is not None and paths.private_key is not None:
        certificate, private_key = read_trusted(paths.certificate), read_secret(paths.private_key)
        lives.append(("client_certificate", first_of(valid_lives(paths.certificate, certificate, now, all))))
        try:
            require_key_of(certificate, private_key)
            context.load_cert_chain(paths.certificate, paths.private_key, password=no_passphrase)
        except (OSError, ValueError) as fault:
            raise FileFault(f"{paths.private_key}: is not the private key of {paths.certificate}, or cannot be read") from fault
        read += [certificate, private_key]
    return ProxyFiles(context, sha256(b"\0".join(read)).hexdigest(), tuple(lives))
