"""deploy/regions, run: two Regions join by the names, ports and certificates of their manifests, and a key goes from one to the other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from deploy_objects import CHART, DEPLOY
from tests.deploy.clusters import Cluster
from tests.deploy.pods import HOST, Pod, chart, initial, pod_of

from meridian.kms.v1 import types_pb2 as t

pytestmark = [pytest.mark.deep, pytest.mark.timeout(900)]
REGIONS = ("us-east-1", "eu-west-1")
SECONDS = 30
ALICE, APP = "spiffe://meridian.example/ns/operators/sa/alice", "spiffe://meridian.example/ns/shop/sa/app"


def options(region: str, *more: str) -> tuple[str, ...]:
    """As in deploy/regions, each on SQLite: the database makes no difference between Regions."""
    values = ("--values", str(DEPLOY / "regions" / region / "values.yaml"), "--values", str(CHART / "ci" / "sqlite-values.yaml"))
    return (*values, "--set", "settings.limits.import_keys_ready.RSA_4096=1", *more)


@dataclass
class Place:
    """A cluster, and a folder for each Region."""

    cluster: Cluster
    root: Path
    peers: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)

    def pod(self, region: str, *more: str, is_initial: bool) -> Pod:
        objects = chart(*options(region, *more), namespace=f"meridian-{region}")
        secrets = self.secrets.setdefault(region, self.cluster.secrets(objects))
        spec = pod_of(objects["StatefulSet", "meridian"])
        folder = self.root / region / ("initial" if is_initial else "serving")
        shown = initial(spec) if is_initial else spec
        return Pod(folder, "meridian-0", shown, objects, secrets, self.peers, self.root / region / "claims").take_ports()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(Cluster(tmp_path), tmp_path)


@pytest.fixture
def pods(place: Place) -> Iterator[dict[str, Pod]]:
    fingerprints: dict[str, str] = {}
    for region in REGIONS:
        done = place.pod(region, is_initial=True).mount().run()
        assert done.returncode == 0, done.stderr
        fingerprints[region] = done.stdout.strip()
    begun: dict[str, Pod] = {}
    try:
        for region, other in zip(REGIONS, REGIONS[::-1], strict=True):
            joined = ("--set", f"settings.peers[0].transport_fingerprint={fingerprints[other]}")
            begun[region] = place.pod(region, *joined, is_initial=False)
            place.peers[f"meridian-peer.meridian-{region}.svc.cluster.local:8445"] = f"{HOST}:{begun[region].port('peer')}"
        for pod in begun.values():
            pod.mount().start()
        yield begun
    finally:
        for pod in begun.values():
            pod.end()


def test_a_key_goes_from_one_region_to_the_other(place: Place, pods: dict[str, Pod]) -> None:
    home, away = (pods[region].port("grpc") for region in REGIONS)
    with place.cluster.client(home, ALICE) as alice, place.cluster.client(away, APP) as app:
        key_id = alice.create_key(multi_region=True, timeout=SECONDS).key_metadata.key_id
        alice.replicate_key(key_id=key_id, replica_region=REGIONS[1], timeout=SECONDS)
        with place.cluster.client(away, ALICE) as other:
            until = time.monotonic() + 120
            while other.describe_key(key_id=key_id, timeout=SECONDS).key_metadata.key_state != t.KEY_STATE_ENABLED:
                assert time.monotonic() < until
                time.sleep(0.2)
        with place.cluster.client(home, APP) as here:
            blob = here.encrypt(key_id=key_id, plaintext=b"x", timeout=SECONDS).ciphertext_blob
        assert app.decrypt(ciphertext_blob=blob, timeout=SECONDS).plaintext == b"x"
