"""What a cluster gives to pods of the chart: Secrets with keys and certificates of the names that the manifests ask for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from deploy_objects import Name, Object
from tests.deploy.pods import HOST

from meridian.adapters.clock_system import SystemClock
from meridian.client import Client, Endpoint
from meridian.crypto.certificates import CertificateFiles, new_authority, new_leaf


@dataclass
class Cluster:
    """Authorities that several Regions share, and a folder for the files of callers."""

    folder: Path

    @cached_property
    def authorities(self) -> dict[str, CertificateFiles]:
        now = SystemClock().now()
        return {name: new_authority(name, now) for name in ("meridian-clients", "meridian-regions", "meridian-public")}

    def secrets(self, objects: Mapping[Name, Object]) -> dict[str, dict[str, bytes]]:
        """Every Secret, and ConfigMap of others, that the chart expects by its default values."""
        made = {each["spec"]["secretName"]: self.issued(each) for (kind, _), each in objects.items() if kind == "Certificate"}
        made["meridian-seal"] = {"seal": os.urandom(32)}
        made["meridian-database"] = {"password": b"not asked for\n"}
        made["meridian-database-ca"] = {"ca.crt": self.authorities["meridian-clients"].certificate}
        return made

    def issued(self, certificate: Object) -> dict[str, bytes]:
        """What cert-manager makes of a Certificate; the address of this machine besides."""
        spec = certificate["spec"]
        authority = self.authorities[spec["issuerRef"]["name"]]
        names = {"spiffe_id": spec["uris"][0]} if "uris" in spec else {"addresses": [HOST]}
        leaf = new_leaf(authority, certificate["metadata"]["name"], SystemClock().now(), dns_names=spec["dnsNames"], **names)
        return {"tls.crt": leaf.certificate, "tls.key": leaf.private_key, "ca.crt": authority.certificate}

    def client(self, port: int, spiffe_id: str) -> Client:
        """A caller with a certificate of this name."""
        name = spiffe_id.rpartition("/")[2]
        self.caller(name, spiffe_id)
        authority = self.folder / f"{name}.ca"
        authority.write_bytes(self.authorities["meridian-clients"].certificate)
        return Client(Endpoint(f"{HOST}:{port}", authority, self.folder / f"{name}.crt", self.folder / f"{name}.key", ""))

    def caller(self, name: str, spiffe_id: str) -> None:
        """NAME.crt and NAME.key in the folder."""
        leaf = new_leaf(self.authorities["meridian-clients"], "caller", SystemClock().now(), spiffe_id=spiffe_id)
        for ending, data in (("crt", leaf.certificate), ("key", leaf.private_key)):
            path = self.folder / f"{name}.{ending}"
            path.touch(mode=0o600)
            path.write_bytes(data)
