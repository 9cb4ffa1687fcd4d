"""The seal in a hardware token as the chart gives it to pods: a Region is made, served, and served again, and nothing opens without."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from deploy_objects import CHART
from tests.deploy.clusters import Cluster
from tests.deploy.pods import Pod, chart, initial, pod_of
from tests.tokens import PIN, new_token

pytestmark = [pytest.mark.deep, pytest.mark.timeout(600)]
SECONDS = 30
ALICE = "spiffe://meridian.example/ns/operators/sa/alice"
PRINCIPALS = [{"kind": "User", "account": "111122223333", "name": "alice", "groups": ["key-administrators"], "spiffe_id": ALICE}]


def test_a_region_is_made_and_served_with_its_seal_in_a_token(tmp_path: Path) -> None:
    token = new_token(tmp_path / "token", "hsm-a")
    seal = {"provider": "pkcs11", "token": "hsm-a", "keyLabel": "meridian-seal", "secret": "hsm-a-pin", "key": "pin"}
    objects = chart(
        *("--values", str(CHART / "ci" / "sqlite-values.yaml"), "--set", "settings.limits.import_keys_ready.RSA_4096=1"),
        *(
            "--set-json",
            f"seals={json.dumps([{**seal, 'module': str(token.module)}])}",
            "--set-json",
            f"principals={json.dumps(PRINCIPALS)}",
        ),
    )
    cluster = Cluster(tmp_path)
    secrets = {**cluster.secrets(objects), "hsm-a-pin": {"pin": PIN.encode()}}
    spec = pod_of(objects["StatefulSet", "meridian"])

    def pod(name: str) -> Pod:
        shown = initial(spec) if name == "initial" else spec
        return Pod(tmp_path / name, "meridian-0", shown, objects, secrets, {}, tmp_path / "claims").take_ports().mount()

    first = pod("initial").run()
    assert (first.returncode, len(first.stdout.strip())) == (0, 64), first.stderr
    assert token.key_files == 1, "the sealing key is in the token"
    key_id = ""
    for name in ("first", "second"):
        serving = pod(name)
        try:
            with cluster.client(serving.start().port("grpc"), ALICE) as alice:
                key_id = key_id or alice.create_key(timeout=SECONDS).key_metadata.key_id
                assert alice.describe_key(key_id=key_id, timeout=SECONDS).key_metadata.enabled
        finally:
            serving.end()
    token.take_out()
    with pytest.raises(AssertionError, match=r"cannot start: .*seal"):
        pod("third").start()
