"""Two deployments that know nothing of each other: one is the KMS, the other the external key manager that serves its keys to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.deployment import HOME, PATIENT, Deployment
from tests.scenario.xks import CONNECTED, CustomKeyStores
from tests.xks import OtherKms, allow, export, serve_xks

from meridian.cli.region_place import HOST
from meridian.client import Client
from meridian.crypto.certificates import CertificateFiles, new_authority, new_leaf
from meridian.kms.v1 import types_pb2 as t

PROXY_HOST = "manager.example.com"
FREE = "limits.failed_authentications_per_minute = 0\n"


@dataclass
class Manager:
    """A deployment that other KMSs may use as their external key manager."""

    deployment: Deployment
    port: int
    roots: Path

    def settings(self) -> str:
        """Lines that let a KMS reach it, each with its whole name."""
        return (
            f'key_store_proxies.trusted_roots = "{self.roots}"\n'
            'key_store_proxies.networks = ["127.0.0.1/32"]\n'
            f'key_store_proxies.hosts = {{ "{PROXY_HOST}" = "{HOST}:{self.port}" }}\n'
        )

    def new_key(self, **fields: Any) -> str:
        with self.deployment.client() as alice:
            arn: str = alice.create_key(**fields).key_metadata.arn
        return arn

    def export(self, arn: str, prefix: str, name: str, *uses: str, **more: Any) -> OtherKms | None:
        """What the operator does; the answer holds the credential, where the command made one."""
        made = export(self.deployment, self.port, arn, prefix, name, *uses or ("encrypt", "decrypt"), **more)
        return None if made is None else made.with_(ca=self.roots)


@dataclass
class TwoKms(CustomKeyStores):
    """The KMS, as `region`, and its external key manager."""

    region: Deployment
    manager: Manager

    def fields(self, prefix: str, credential: OtherKms, **changed: Any) -> dict[str, Any]:
        """Of CreateCustomKeyStore, from what the operator of the manager has handed over."""
        return {
            "custom_key_store_name": f"store{prefix}",
            "custom_key_store_type": t.CUSTOM_KEY_STORE_TYPE_EXTERNAL_KEY_STORE,
            "xks_proxy_uri_endpoint": f"https://{PROXY_HOST}",
            "xks_proxy_uri_path": f"{prefix}/kms/xks/v1",
            "xks_proxy_connectivity": t.XKS_PROXY_CONNECTIVITY_TYPE_PUBLIC_ENDPOINT,
            "xks_proxy_authentication_credential": t.XksProxyAuthenticationCredentialType(
                access_key_id=credential.access_key_id, raw_secret_access_key=credential.secret
            ),
            **changed,
        }

    def created(self, client: Client, prefix: str, credential: OtherKms) -> str:
        """A new store, as soon as the manager serves what was exported a moment ago."""
        self.manager.deployment.wait_until(lambda: credential.health().status == 200)
        store: str = client.create_custom_key_store(**self.fields(prefix, credential)).custom_key_store_id
        return store

    def connect(self, client: Client, store: str) -> None:
        client.connect_custom_key_store(custom_key_store_id=store)
        self.wait_for(client, store, CONNECTED)

    def key_on(self, client: Client, arn: str, prefix: str, name: str) -> str:
        """ARN of a key of the KMS on this key of the manager, in a store of its own."""
        made = self.manager.export(arn, prefix, name)
        assert made is not None
        store = self.created(client, prefix, made)
        self.connect(client, store)
        return str(self.key(client, store, name).arn)


@contextmanager
def manager(folder: Path, *, regions: tuple[str, ...] = (HOME,), added: str = "", tls: str = "") -> Iterator[Manager]:
    """A deployment that serves the XKS proxy API in its first Region, under `PROXY_HOST`."""
    now = datetime.now(UTC)
    authority = new_authority("authority of the manager", now)
    roots = folder / "manager-roots.pem"
    roots.write_bytes(authority.certificate)
    chain = pair(folder, "manager", new_leaf(authority, PROXY_HOST, now, dns_names=[PROXY_HOST], addresses=[HOST]))
    deployment = Deployment(folder / "manager", list(regions), settings_added=f"{FREE}{added}").prepare()
    try:
        port = serve_xks(deployment, tls=tls, certificate=chain)
        allow(deployment)
        deployment.start()
        yield Manager(deployment, port, roots)
    finally:
        deployment.stop_all()


@contextmanager
def two_kms(folder: Path, *, regions: tuple[str, ...] = (HOME,), manager_added: str = "", added: str = PATIENT) -> Iterator[TwoKms]:
    """Both deployments, which serve."""
    with manager(folder, regions=regions, added=manager_added) as made:
        region = Deployment(folder / "kms", [HOME], settings_added=f"{made.settings()}{added}").prepare()
        try:
            region.start()
            yield TwoKms(region, made)
        finally:
            region.stop_all()


def pair(folder: Path, name: str, files: CertificateFiles) -> tuple[Path, Path]:
    """Files of a certificate and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(files.certificate)
    key.write_bytes(files.private_key)
    key.chmod(0o600)
    return certificate, key
