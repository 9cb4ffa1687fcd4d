"""The image as `make image-check` builds it, serving a Region: read-only root, the image's user, no capability, the chart's volumes."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy_objects import CHART
from tests.deploy.clusters import Cluster
from tests.deploy.image_pods import USER, ImagePod, require_image
from tests.deploy.pods import chart, initial, pod_of

pytestmark = [pytest.mark.deep, pytest.mark.timeout(600)]
SECONDS = 30
ALICE, APP = "spiffe://meridian.example/ns/operators/sa/alice", "spiffe://meridian.example/ns/shop/sa/app"
PRINCIPALS = [
    {"kind": "User", "account": "111122223333", "name": "alice", "groups": ["key-administrators"], "spiffe_id": ALICE},
    {"kind": "Service", "account": "111122223333", "name": "app", "groups": ["key-users"], "spiffe_id": APP},
]
OPTIONS = (
    *("--values", str(CHART / "ci" / "sqlite-values.yaml"), "--set", "settings.limits.import_keys_ready.RSA_4096=1"),
    *("--set-json", f"principals={json.dumps(PRINCIPALS)}"),
)


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


@pytest.fixture(params=["grpcio", "envoy"])
def pod(request: pytest.FixtureRequest, cluster: Cluster, tmp_path: Path) -> Iterator[ImagePod]:
    """Behind Envoy too, which needs a libpython that the image must have."""
    require_image()
    objects = chart(*OPTIONS, "--set", f"settings.front.kind={request.param}")
    spec, secrets, root = pod_of(objects["StatefulSet", "meridian"]), cluster.secrets(objects), tmp_path / "pod"
    first = ImagePod(root, "meridian-0", initial(spec), objects, secrets, {}, root)
    first.take_ports().mount()
    done = first.run()
    assert (done.returncode, len(done.stdout.strip())) == (0, 64), done.stderr
    made = ImagePod(root, "meridian-0", spec, objects, secrets, {}, root)
    try:
        made.mount().start()
        yield made
    finally:
        made.end()


def test_a_region_is_served_from_the_image(cluster: Cluster, pod: ImagePod) -> None:
    with cluster.client(pod.port("grpc"), ALICE) as alice, cluster.client(pod.port("grpc"), APP) as app:
        key_id = alice.create_key(timeout=SECONDS).key_metadata.key_id
        blob = app.encrypt(key_id=key_id, plaintext=b"x", timeout=SECONDS).ciphertext_blob
        assert app.decrypt(ciphertext_blob=blob, timeout=SECONDS).plaintext == b"x"
    assert (pod.probe("livenessProbe"), pod.probe("readinessProbe")) == (200, 200)
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pod.entry}/status").read_text().splitlines() if ":\t" in line)
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {str(USER)}
    assert (status["NoNewPrivs"], int(status["CapEff"], 16), int(status["CapPrm"], 16)) == ("1", 0, 0)
    assert "meridian" in Path(f"/proc/{pod.entry}/cmdline").read_text(), "the entry point is the first process"
    for folder in ("", "opt/meridian", "etc/meridian", "usr/bin"):
        with pytest.raises(OSError, match="Read-only") as refused:
            Path(f"/proc/{pod.entry}/root/{folder}/written").touch()
        assert refused.value.errno == errno.EROFS
    process = pod.process
    assert process is not None
    pod.end()
    assert process.returncode == 0, "SIGTERM to the first process drains and ends"
