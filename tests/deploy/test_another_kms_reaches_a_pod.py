"""The listener for another KMS as the chart turns it on: a pod of these values serves an exported key to whom the values let in."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy_objects import CHART
from tests.deploy.clusters import Cluster
from tests.deploy.pods import CONFIG, Pod, chart, initial, pod_of
from tests.xks import ACCOUNT, OtherKms, bytes_of

from meridian.adapters.clock_system import SystemClock
from meridian.crypto.certificates import new_authority, new_leaf

pytestmark = [pytest.mark.deep, pytest.mark.timeout(600)]
SECONDS = 30
ALICE = "spiffe://meridian.example/ns/operators/sa/alice"
PRINCIPALS = [{"kind": "User", "account": ACCOUNT, "name": "alice", "groups": ["key-administrators"], "spiffe_id": ALICE}]
OPTIONS = (
    *("--values", str(CHART / "ci" / "xks-values.yaml"), "--values", str(CHART / "ci" / "sqlite-values.yaml")),
    *("--set", "settings.limits.import_keys_ready.RSA_4096=1", "--set-json", f"principals={json.dumps(PRINCIPALS)}"),
)
NAMED = "cks.kms.us-east-1.amazonaws.com"
"""Whom the values let in."""


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


@pytest.fixture
def pod(cluster: Cluster, tmp_path: Path) -> Iterator[Pod]:
    objects = chart(*OPTIONS)
    authority = new_authority("amazon-trust", SystemClock().now())
    for name in (NAMED, "cks.example.com"):
        leaf = new_leaf(authority, name, SystemClock().now())
        for ending, data in (("crt", leaf.certificate), ("key", leaf.private_key)):
            (tmp_path / f"{name}.{ending}").touch(mode=0o600)
            (tmp_path / f"{name}.{ending}").write_bytes(data)
    secrets = {**cluster.secrets(objects), "amazon-trust": {"ca.crt": authority.certificate}}
    (tmp_path / "public.crt").write_bytes(cluster.authorities["meridian-public"].certificate)
    spec = pod_of(objects["StatefulSet", "meridian"])
    first = Pod(tmp_path / "initial", "meridian-0", initial(spec), objects, secrets, {}, tmp_path / "claims").take_ports().mount().run()
    assert first.returncode == 0, first.stderr
    made = Pod(tmp_path / "serving", "meridian-0", spec, objects, secrets, {}, tmp_path / "claims").mount()
    try:
        yield made.start()
    finally:
        made.end()


def test_an_exported_key_is_served_to_the_other_kms_alone(cluster: Cluster, pod: Pod, tmp_path: Path) -> None:
    with cluster.client(pod.port("grpc"), ALICE) as alice:
        arn = alice.create_key(timeout=SECONDS).key_metadata.arn
    kms = _exported(pod, arn, tmp_path)
    until = time.monotonic() + SECONDS
    made = kms.encrypt("payments-1", b"a key of the other KMS")
    while made.status != 200 and time.monotonic() < until:  # exports and policies are looked at once in a while
        time.sleep(0.2)
        made = kms.encrypt("payments-1", b"a key of the other KMS")
    assert made.status == 200, made.body
    found = kms.decrypt("payments-1", made.document)
    assert (found.status, bytes_of(found.document["plaintext"])) == (200, b"a key of the other KMS")
    for stranger in (None, (tmp_path / "cks.example.com.crt", tmp_path / "cks.example.com.key")):
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
            kms.with_(chain=stranger).health()


def _exported(pod: Pod, arn: str, folder: Path) -> OtherKms:
    """By the operator's command in the pod, and by a policy that its ConfigMap brings."""
    policies = pod.here("/etc/meridian/policies")
    served = (
        f'@id("account.{ACCOUNT}.xks") @layer("account") @reason("exports are served")\n'
        'permit (principal is KMS::Service, action in KMS::Action::"ServeExternalKey", '
        f'resource is KMS::Key in KMS::Account::"{ACCOUNT}");\n'
    )
    pod.project(policies, {**{path.name: path.read_bytes() for path in policies.glob("*.cedar")}, "xks.cedar": served.encode()}, CONFIG)
    config = pod.here("/etc/meridian/settings/region.toml")
    words = ["xks", "export", arn, "--prefix", "/payments", "--id", "payments-1", "--allow", "encrypt", "--allow", "decrypt"]
    command = [sys.executable, "-m", "meridian", *words, "--config", str(config)]
    done = subprocess.run(command, env=pod.environment(), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    credential = json.loads(done.stdout)["XksProxyAuthenticationCredential"]
    chain = (folder / f"{NAMED}.crt", folder / f"{NAMED}.key")
    return OtherKms(
        pod.port("xks"), folder / "public.crt", credential["AccessKeyId"], credential["RawSecretAccessKey"], "/payments", chain=chain
    )
