"""Who a Region is and whom it believes, as its files say: certificates, authorities, principals and the deny list.

Read once before anything listens, and again whenever the files change.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from meridian.adapters.live_principals import LivePrincipals, read_denied
from meridian.adapters.principals_file import FilePrincipals
from meridian.authentication.certificate_check import CertificateCheck
from meridian.crypto.certificate_life import CertificateLife
from meridian.engine.secret_files import FileFault
from meridian.ports.clock import Clock
from meridian.settings import ListenerSettings, Settings
from meridian.settings_proxies import KeyStoreProxySettings
from meridian.transport.proxy_tls import ProxyFiles, ProxyPaths, read_proxy_files
from meridian.transport.tls_files import GrpcTls, HttpTls, TlsFiles, TlsPaths, new_context, read_tls
from meridian.workers.reloaded_files import ReloadedFiles

CIPHERS: Final[dict[str, str | None]] = {"aws": None, "console": None, "xks": "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"}
"""THE table of the ciphers of TLS 1.2 of each HTTP listener: Python's choice, or those that the XKS proxy specification names."""

PROXIES: Final = "key_store_proxies"
Kind = tuple[ReloadedFiles, str]


class GrpcListener:
    """Mutual TLS of one gRPC listener, and what its clients' certificates must be."""

    def __init__(self, name: str, settings: ListenerSettings, clock: Clock) -> None:
        """Raises: FileFault."""
        tls = settings.tls
        self._name = name
        self._clock = clock
        self._paths = TlsPaths(tls.certificate, tls.private_key, tls.client_ca)
        self.files = _naming(f"{name}.tls", lambda: read_tls(self._paths, clock.now()))
        self.tls = GrpcTls(self.files)
        self.check = CertificateCheck(self.files.client_ca, hours_max=settings.client_certificate_hours_max)
        self.on_change: Callable[[TlsFiles], None] | None = None
        """Called with new files, after the listener uses them."""

    def kind(self) -> Kind:
        return ReloadedFiles(f"{self._name}.tls", lambda: self._paths.all, self._read, self._use), self.files.digest

    def _read(self) -> tuple[str, TlsFiles]:
        files = read_tls(self._paths, self._clock.now())
        return files.digest, files

    def _use(self, files: TlsFiles) -> None:
        if files.client_ca != self.files.client_ca:
            self.check.use_authorities(files.client_ca)
        self.tls.use(files)
        self.files = files
        if self.on_change is not None:
            self.on_change(files)


class HttpsListener:
    """TLS of an HTTP listener: of the AWS wire, of the XKS proxy API, or of the console."""

    def __init__(self, name: str, paths: TlsPaths, clock: Clock, *, hours_max: float | None) -> None:
        """`hours_max`: the longest life of a client's certificate. Raises: FileFault."""
        self._name = f"{name}.tls"
        self._ciphers = CIPHERS[name]
        self._clock = clock
        self._paths = paths
        self.files = _naming(self._name, lambda: read_tls(paths, clock.now()))
        self.tls = _naming(self._name, lambda: HttpTls(paths, self._ciphers))
        asked = paths.client_ca is not None
        self.check = CertificateCheck(self.files.client_ca, hours_max=hours_max) if asked else None
        """Of its clients' certificates; None where no authority is named, and none is asked for."""

    def kind(self) -> Kind:
        return ReloadedFiles(self._name, lambda: self._paths.all, self._read, self._use), self.files.digest

    def _read(self) -> tuple[str, tuple[TlsFiles, ssl.SSLContext]]:
        files = read_tls(self._paths, self._clock.now())
        return files.digest, (files, new_context(self._paths, self._ciphers))

    def _use(self, value: tuple[TlsFiles, ssl.SSLContext]) -> None:
        files, context = value
        if self.check is not None and files.client_ca != self.files.client_ca:
            self.check.use_authorities(files.client_ca)
        self.files = files
        self.tls.use(context)


class ProxyTls:
    """TLS towards proxies of external key stores."""

    def __init__(self, settings: KeyStoreProxySettings, clock: Clock) -> None:
        """Raises: FileFault."""
        self._paths = ProxyPaths(settings.trusted_roots, settings.client_certificate, settings.client_private_key)
        self._clock = clock
        self.files: ProxyFiles = _naming(PROXIES, self._read_files)

    @property
    def context(self) -> ssl.SSLContext:
        """What a request is made under from now on."""
        return self.files.context

    @property
    def has_files(self) -> bool:
        """Whether the settings name any; without them what the system believes is read at the start."""
        return bool(self._paths.all)

    def kind(self) -> Kind:
        return ReloadedFiles(PROXIES, lambda: self._paths.all, self._read, self._use), self.files.digest

    def _read_files(self) -> ProxyFiles:
        return read_proxy_files(self._paths, self._clock.now())

    def _read(self) -> tuple[str, ProxyFiles]:
        files = self._read_files()
        return files.digest, files

    def _use(self, files: ProxyFiles) -> None:
        self.files = files


class Identity:
    """Everything of a Region that its identity files decide."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Raises: FileFault that begins with the name of the setting, with every fault of the principals."""
        self._settings = settings
        self.grpc = GrpcListener("grpc", settings.grpc, clock)
        self.peer = GrpcListener("peer", settings.peer, clock)
        self.https: dict[str, HttpsListener] = {}
        """By the name of the listener; none for one without TLS."""
        for name, paths in _https_paths(settings):
            self.https[name] = HttpsListener(name, paths, clock, hours_max=settings.grpc.client_certificate_hours_max)
        self.proxies = ProxyTls(settings.key_store_proxies, clock)
        self._principals = _naming("principals", self._read_principals)
        denied = _naming("denied_spiffe_ids", self._read_denied)
        self._denied_digest = _digest(denied)
        self.principals = LivePrincipals(self._principals, denied, accepts_tokens=settings.grpc.bearer_tokens)

    def kinds(self) -> list[Kind]:
        """What is read again, each with the digest of what is in force."""
        s = self._settings
        principals = ReloadedFiles(
            "principals", lambda: (s.principals, *self.principals.secret_files), self._reread_principals, self.principals.use_principals
        )
        found = [self.grpc.kind(), self.peer.kind(), (principals, self._principals.digest)]
        found += [listener.kind() for listener in self.https.values()]
        if self.proxies.has_files:
            found.append(self.proxies.kind())
        if s.denied_spiffe_ids is not None:
            path = s.denied_spiffe_ids
            denied = ReloadedFiles("denied_spiffe_ids", lambda: (path,), self._reread_denied, self.principals.use_denied)
            found.append((denied, self._denied_digest))
        return found

    def certificates(self) -> Iterator[tuple[str, str, CertificateLife]]:
        """(listener, or the table of proxies, file, life) of each certificate in force."""
        for listener, files in self._listeners():
            for file, life in files.lives:
                yield listener, file, life
        for file, life in self.proxies.files.lives:
            yield PROXIES, file, life

    def certificate_ends(self) -> Iterator[tuple[str, str, datetime]]:
        """(listener, file, when it is of no use any more) of each file of certificates in force."""
        for listener, files in self._listeners():
            for file, end in files.usable_until:
                yield listener, file, end

    def _listeners(self) -> list[tuple[str, TlsFiles]]:
        https = [(name, listener.files) for name, listener in self.https.items()]
        return [("grpc", self.grpc.files), ("peer", self.peer.files), *https]

    def _read_principals(self) -> FilePrincipals:
        org_units = {account: row.org_units for account, row in self._settings.accounts.items()}
        return FilePrincipals.load(self._settings.principals, partition=self._settings.partition, org_units=org_units)

    def _reread_principals(self) -> tuple[str, FilePrincipals]:
        found = self._read_principals()
        return found.digest, found

    def _read_denied(self) -> frozenset[str]:
        path: Path | None = self._settings.denied_spiffe_ids
        return read_denied(path) if path is not None else frozenset()

    def _reread_denied(self) -> tuple[str, frozenset[str]]:
        denied = self._read_denied()
        return _digest(denied), denied


def _https_paths(settings: Settings) -> Iterator[tuple[str, TlsPaths]]:
    """The files of each HTTP listener that has TLS."""
    aws, xks, console = settings.aws, settings.xks, settings.console
    if aws is not None and aws.tls is not None:
        yield "aws", TlsPaths(aws.tls.certificate, aws.tls.private_key, None)
    if xks is not None:
        yield "xks", TlsPaths(xks.tls.certificate, xks.tls.private_key, xks.tls.client_ca)
    if console is not None and console.tls is not None:
        yield "console", TlsPaths(console.tls.certificate, console.tls.private_key, console.tls.client_ca, may_show_none=True)


def _digest(ids: frozenset[str]) -> str:
    return sha256("\n".join(sorted(ids)).encode()).hexdigest()


def _naming(setting: str, read: Callable[[], Any]) -> Any:
    """What `read` answers. Raises: FileFault that begins with the name of the setting."""
    try:
        return read()
    except FileFault as fault:
        raise FileFault(f"{setting}: {fault}") from fault
