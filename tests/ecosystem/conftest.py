"""Regions whose AWS wire has a certificate, as it has outside of development: on a listener of its own, and behind Envoy with gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.aws import environment, kms
from tests.deployment import HOME, Deployment

from meridian.cli.region_place import HOST


@dataclass(frozen=True, slots=True)
class TlsRegion:
    """One Region, its AWS wire over TLS under an authority of its own."""

    deployment: Deployment
    front: str

    @property
    def authority(self) -> Path:
        return self.deployment.root / "client-ca.crt"

    @property
    def url(self) -> str:
        place = self.deployment.place(HOME)
        return f"https://{HOST}:{place.grpc_port if self.front == 'envoy' else place.aws_port}"

    def kms(self) -> Any:
        return kms(self.deployment, endpoint_url=self.url, verify=str(self.authority))

    def environment(self) -> dict[str, str]:
        """What command lines and SDKs read."""
        return {
            **environment(self.deployment),
            "AWS_ENDPOINT_URL_KMS": self.url,
            "AWS_REGION": HOME,
            "AWS_CA_BUNDLE": str(self.authority),
        }


@pytest.fixture(scope="session", params=["grpcio", "envoy"])
def tls_region(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsRegion]:
    """Behind Envoy clients may speak HTTP/2."""
    deployment = Deployment(tmp_path_factory.mktemp("tls"), [HOME], f'front.kind = "{request.param}"\n').prepare()
    place = deployment.place(HOME)
    server = place.folder / "server"
    tls = f'[aws]\ntls = {{ certificate = "{server}.crt", private_key = "{server}.key" }}\n'
    place.settings.write_text(place.settings.read_text().replace("[aws]\n", tls))
    try:
        deployment.start()
        yield TlsRegion(deployment, request.param)
    finally:
        deployment.stop_all()
