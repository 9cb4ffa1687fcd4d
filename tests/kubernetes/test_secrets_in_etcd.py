"""Secrets of a real cluster under a key of Meridian: what etcd holds before and after a rotation, and what an API server reads of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import pytest
from tests.deployment import AWAY, HOME, Deployment
from tests.kubernetes.api_server import PROVIDER, STORED_AS
from tests.kubernetes.control_plane import ControlPlane, require_programs
from tests.kubernetes.plugin_process import PluginProcess, endpoint

from meridian.k8s_kms.v2 import api_pb2, api_pb2_grpc
from meridian.kms.v1 import types_pb2 as t

pytestmark = [pytest.mark.deep, pytest.mark.timeout(600)]
SECRET, OPEN = "what-no-reader-of-etcd-may-see", "what-anybody-may-see"
ROTATION_SECONDS = 90.0
"""The plug-in sees a rotation within ten seconds, and the API server asks it within a minute."""


@dataclass(frozen=True)
class Place:
    """A cluster, its plug-in, and the Regions behind that."""

    cluster: ControlPlane
    plugin: PluginProcess
    regions: Deployment

    def write(self, name: str) -> None:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"password": SECRET}}
        self.cluster.apply([secret], "default")

    def read(self, name: str) -> str:
        return self.cluster.kubectl("get", "secret", name, "--output=go-template={{.data.password | base64decode}}")

    def stored(self, name: str) -> bytes:
        return self.cluster.stored(f"/registry/secrets/default/{name}")

    def rewrite(self, name: str) -> bool:
        """Whether the same text, written once more, is stored anew: the API server leaves out what would change nothing."""
        before = self.cluster.get("secret", name, "default")
        self.cluster.kubectl("replace", "--filename=-", given=json.dumps(before))
        return bool(self.cluster.get("secret", name, "default")["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"])

    def key_id(self) -> bytes:
        with grpc.insecure_channel(f"unix:{self.plugin.socket}") as channel:
            answer = api_pb2_grpc.KeyManagementServiceStub(channel).Status(api_pb2.StatusRequest(), timeout=3)
        return str(answer.key_id).encode()


@pytest.fixture
def place(own_regions: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    require_programs()
    own_regions.start()
    with own_regions.client() as alice:
        metadata = alice.create_key(multi_region=True).key_metadata
        alice.replicate_key(key_id=metadata.key_id, replica_region=AWAY)
    own_regions.wait_for_state(AWAY, metadata.key_id, t.KEY_STATE_ENABLED)
    folder = tmp_path_factory.mktemp("s")
    plugin = PluginProcess(folder, own_regions, str(metadata.arn), [endpoint(own_regions, HOME), endpoint(own_regions, AWAY)])
    provider = {"apiVersion": "v2", "name": PROVIDER, "endpoint": f"unix://{plugin.socket}", "timeout": "3s"}
    encryption = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": ["secrets"], "providers": [{"kms": provider}, {"identity": {}}]}],
    }
    cluster = ControlPlane(tmp_path_factory.mktemp("cluster"), encryption)
    try:
        assert plugin.start() == "ready"
        yield Place(cluster.start(), plugin, own_regions)
    finally:
        cluster.close()
        if plugin.process is not None:
            plugin.stop()


def test_a_secret_is_ciphertext_in_etcd_stale_after_a_rotation_and_read_after_restarts(place: Place) -> None:
    cluster, regions = place.cluster, place.regions
    place.write("rewritten")
    place.write("left")
    shown = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shown"}, "data": {"text": OPEN}}
    cluster.apply([shown], "default")
    assert OPEN.encode() in cluster.stored("/registry/configmaps/default/shown"), "what is not encrypted can be read in etcd"
    for name in ("rewritten", "left"):
        assert place.stored(name).startswith(STORED_AS)
        assert SECRET.encode() not in place.stored(name)
        assert place.key_id() in place.stored(name)
        assert place.read(name) == SECRET
        assert not place.rewrite(name), "it is not stale"

    first = place.key_id()
    with regions.client() as alice:
        alice.rotate_key_on_demand(key_id=place.plugin.key)
    regions.wait_until(lambda: place.key_id() != first, ROTATION_SECONDS)

    def is_stale() -> bool:
        cluster.ask("/healthz/kms-providers")  # whoever asks for the health of plug-ins brings the next question forward
        return place.rewrite("rewritten")

    regions.wait_until(is_stale, ROTATION_SECONDS)
    assert place.key_id() in place.stored("rewritten")
    assert first not in place.stored("rewritten")
    assert first in place.stored("left")
    assert not place.rewrite("rewritten")

    cluster.restart_api_server()
    assert [place.read(name) for name in ("rewritten", "left")] == [SECRET, SECRET]
    regions.stop(HOME)
    cluster.restart_api_server()
    assert [place.read(name) for name in ("rewritten", "left")] == [SECRET, SECRET], "the other Region opens the seeds"
    place.write("made-meanwhile")
    assert place.stored("made-meanwhile").startswith(STORED_AS)
    assert place.key_id() in place.stored("made-meanwhile"), "the key has one name in every Region"
    regions.start(HOME)
