"""Certificates, private keys and authorities of listeners: read and checked as a whole, and changed while the listener serves.

Connections that exist keep what they began with; the next handshake uses what was read last.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc

from meridian.crypto.certificate_life import CertificateLife, certificate_lives, require_key_of
from meridian.engine.secret_files import FileFault, read_secret, read_trusted


@dataclass(frozen=True, slots=True)
class TlsPaths:
    """PEM files of one listener; no authority where its clients show no certificate."""

    certificate: Path
    private_key: Path
    client_ca: Path | None
    may_show_none: bool = False
    """Whether a client without a certificate is served too, where there is an authority."""

    @property
    def all(self) -> tuple[Path, ...]:
        return (self.certificate, self.private_key, *([self.client_ca] if self.client_ca is not None else []))


@dataclass(frozen=True, slots=True, repr=False)
class TlsFiles:
    """What the files of one listener hold, PEM, checked."""

    certificate: bytes
    private_key: bytes
    client_ca: bytes
    lives: tuple[tuple[str, CertificateLife], ...]
    """("certificate" or "client_ca", life) of each certificate: of a chain and of a bundle, the one that ends first."""
    usable_until: tuple[tuple[str, datetime], ...]
    """The same files, and when each is of no use any more: a chain with the first of its certificates, a bundle with its last."""

    @property
    def digest(self) -> str:
        return sha256(b"\0".join((self.certificate, self.private_key, self.client_ca))).hexdigest()


def read_tls(paths: TlsPaths, now: datetime) -> TlsFiles:
    """Raises: FileFault where a file cannot be used, the key is not that of the certificate, or a certificate is not valid now."""
    certificate, private_key = read_trusted(paths.certificate), read_secret(paths.private_key)
    client_ca = read_trusted(paths.client_ca) if paths.client_ca is not None else b""
    chain = valid_lives(paths.certificate, certificate, now, all)
    lives, usable_until = [("certificate", first_of(chain))], [("certificate", first_of(chain).not_after)]
    if paths.client_ca is not None:
        bundle = valid_lives(paths.client_ca, client_ca, now, any)
        lives.append(("client_ca", first_of(bundle)))
        usable_until.append(("client_ca", max(life.not_after for life in bundle)))
    try:
        require_key_of(certificate, private_key)
    except ValueError as fault:
        raise FileFault(f"{paths.private_key}: is not the private key of {paths.certificate}, or cannot be read") from fault
    return TlsFiles(certificate, private_key, client_ca, tuple(lives), tuple(usable_until))


def first_of(lives: tuple[CertificateLife, ...]) -> CertificateLife:
    """The one that ends first."""
    return min(lives, key=lambda life: life.not_after)


def valid_lives(path: Path, pem: bytes, now: datetime, enough: Callable[[list[bool]], bool]) -> tuple[CertificateLife, ...]:
    """The lives of the file's certificates. `enough`: whether `all` must be valid now, or `any`. Raises: FileFault."""
    try:
        lives = certificate_lives(pem)
    except ValueError as fault:
        raise FileFault(f"{path}: holds no certificate, or one that cannot be read") from fault
    if not enough([life.not_before <= now < life.not_after for life in lives]):
        spans = ", ".join(f"from {life.not_before:%Y-%m-%dT%H:%MZ} to {life.not_after:%Y-%m-%dT%H:%MZ}" for life in lives[:4])
        raise FileFault(f"{path}: is not valid now, but {spans}")
    return lives


class GrpcTls:
    """Mutual TLS of a gRPC listener: every client shows a certificate of the authority. Each handshake uses the newest files."""

    def __init__(self, files: TlsFiles) -> None:
        self._next: Any = None
        self.credentials: grpc.ServerCredentials = grpc.dynamic_ssl_server_credentials(
            _configuration(files), self._fetch, require_client_authentication=True
        )

    def use(self, files: TlsFiles) -> None:
        """From the next connection on."""
        self._next = _configuration(files)

    def _fetch(self) -> Any:
        """Called by gRPC's own threads before each handshake; None where nothing is new."""
        made, self._next = self._next, None
        return made


def _configuration(files: TlsFiles) -> Any:
    return grpc.ssl_server_certificate_configuration([(files.private_key, files.certificate)], files.client_ca)


class HttpTls:
    """TLS of an HTTP listener. A whole new context is made of new files, and each handshake is led to the newest."""

    def __init__(self, paths: TlsPaths, ciphers: str | None) -> None:
        self._current = new_context(paths, ciphers)
        # Whether a client must show a certificate is decided by this context, by whose authority by the one that it is led to.
        self.context = new_context(paths, ciphers)
        self.context.sni_callback = self._lead

    def use(self, context: ssl.SSLContext) -> None:
        """From the next connection on."""
        self._current = context

    def _lead(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:  # noqa: ARG002 - the signature that ssl calls
        connection.context = self._current


def new_context(paths: TlsPaths, ciphers: str | None) -> ssl.SSLContext:
    """TLS 1.2 or newer with these files, its clients' certificates asked for where there is an authority. `ciphers`: those of TLS 1.2, by
    OpenSSL's names, Python's choice where there are none; TLS 1.3 has its own, which are all sound. Raises: FileFault."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ciphers is not None:
        context.set_ciphers(ciphers)
    if paths.client_ca is not None:
        context.verify_mode = ssl.CERT_OPTIONAL if paths.may_show_none else ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(paths.client_ca)
        except (OSError, ValueError) as fault:
            raise FileFault(f"{paths.client_ca}: holds no certificate, or one that cannot be read") from fault
    try:
        context.load_cert_chain(paths.certificate, paths.private_key, password=no_passphrase)
    except (OSError, ValueError) as fault:
        raise FileFault(f"{paths.certificate}: cannot be used with {paths.private_key}") from fault
    return context


def no_passphrase() -> str:
    """Asked where a private key is under a passphrase. Raises: ValueError."""
    raise ValueError("a private key under a passphrase")  # else OpenSSL would ask on the terminal
