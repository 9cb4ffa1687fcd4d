"""Secrets in etcd under a key of Meridian: the API server's own code on a real socket, and real Regions behind it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.deployment import AWAY, HOME, Deployment
from tests.kubernetes.api_server import STORED_AS, ApiServer, StorageError, build
from tests.kubernetes.plugin_process import PluginProcess, endpoint

from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.timeout(900)  # the first test waits for the program to be built
SECRET = b"the secret of a pod, as the API server writes it"
PATH = "/registry/secrets/default/of-a-pod"
POLL_SECONDS = 60.0
"""The API server asks for the key's name at least so often."""
WRITES_STOP_SECONDS = 180


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("go"))


@pytest.fixture(scope="module")
def regions(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Two Regions of this file's own: its tests stop them, and leave them running."""
    deployment = Deployment(tmp_path_factory.mktemp("own"), [HOME, AWAY]).prepare()
    with deployment.serving():
        yield deployment


@pytest.fixture(autouse=True)
def _regions_are_back(regions: Deployment) -> Iterator[None]:
    """Whatever became of a test."""
    yield
    missing = [region for region in regions.regions if region not in regions.processes]
    if missing:
        regions.start(*missing)


def related_key(regions: Deployment) -> str:
    """The ARN of a multi-Region key in both Regions."""
    with regions.client() as alice:
        metadata = alice.create_key(multi_region=True).key_metadata
        alice.replicate_key(key_id=metadata.key_id, replica_region=AWAY)
    regions.wait_for_state(AWAY, metadata.key_id, t.KEY_STATE_ENABLED)
    return str(metadata.arn)


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short path: that of a socket has 107 bytes at most."""
    return tmp_path_factory.mktemp("s")


@pytest.fixture
def plugin(regions: Deployment, folder: Path) -> Iterator[PluginProcess]:
    made = PluginProcess(folder, regions, related_key(regions), [endpoint(regions, HOME), endpoint(regions, AWAY)])
    assert made.start() == "ready"
    yield made
    if made.process is not None:
        assert made.stop() == 0


@pytest.fixture
def new_server(program: Path) -> Iterator[Callable[[PluginProcess], ApiServer]]:
    made: list[ApiServer] = []

    def new(plugin: PluginProcess) -> ApiServer:
        made.append(ApiServer(program, plugin.socket, plugin.folder))
        made[-1].start()
        return made[-1]

    yield new
    for server in made:
        server.close()


NewServer = Callable[[PluginProcess], ApiServer]


def asked_of_the_other(plugin: PluginProcess) -> int:
    """How often the plug-in used the replica; a Region has records of its own beside."""
    records = plugin.regions.events_of(AWAY, plugin.key.replace(HOME, AWAY))
    return sum(record["eventName"] in ("Encrypt", "Decrypt") for record in records)


def test_a_secret_is_stored_encrypted_and_read_back(plugin: PluginProcess, new_server: NewServer) -> None:
    server = new_server(plugin)
    assert server.is_healthy()
    stored = server.write(PATH, SECRET)
    assert stored.startswith(STORED_AS)
    assert SECRET not in stored
    assert server.read(PATH, stored) == (SECRET, False)
    server.start()
    assert server.read(PATH, stored) == (SECRET, False), "an API server that has just started reads it, and need not write it again"
    with pytest.raises(StorageError):
        server.read(f"{PATH}-of-another", stored)


def test_an_auditor_finds_each_request_of_the_api_server(plugin: PluginProcess, new_server: NewServer) -> None:
    server = new_server(plugin)
    made = server.do("encrypt", b"a seed of 32 bytes, as it is made", uid="5f1c-closed")
    assert server.do("decrypt", made["data"], key_id=made["key_id"], uid="5f1c-opened")["data"] == b"a seed of 32 bytes, as it is made"
    records = {
        (r["eventName"], r["additionalEventData"]["callerRequestId"]): r
        for r in plugin.regions.events_of(HOME, plugin.key)
        if "callerRequestId" in (r.get("additionalEventData") or {})
    }
    for found in (("Encrypt", "5f1c-closed"), ("Decrypt", "5f1c-opened")):
        assert records[found]["requestParameters"]["encryptionContext"] == {"k8s-kms-key-id": made["key_id"]}


def test_a_ciphertext_opens_under_its_own_key_id_alone(plugin: PluginProcess, new_server: NewServer) -> None:
    server = new_server(plugin)
    made = server.do("encrypt", b"a seed", uid="1")
    for name in ("status", made["key_id"][:-1] + ("0" if made["key_id"][-1] != "0" else "1")):
        with pytest.raises(StorageError, match="InvalidCiphertextException"):
            server.do("decrypt", made["data"], key_id=name, uid="2")


@pytest.mark.deep
def test_a_rotation_makes_stored_secrets_stale_and_they_are_rewritten(plugin: PluginProcess, new_server: NewServer) -> None:
    regions, server = plugin.regions, new_server(plugin)
    before, old_id = server.write(PATH, SECRET), server.do("status")["key_id"]
    with regions.client() as alice:
        alice.rotate_key_on_demand(key_id=plugin.key)

    def is_stale() -> bool:
        server.is_healthy()  # whoever asks the API server for its health brings its next question forward
        return server.read(PATH, before)[1]

    regions.wait_until(is_stale, POLL_SECONDS + 30)
    after = server.write(PATH, server.read(PATH, before)[0])
    assert server.read(PATH, after) == (SECRET, False)
    assert server.do("status")["key_id"] not in ("", old_id)
    server.start()
    assert server.read(PATH, before) == (SECRET, True), "what was written under the earlier key id is still read"
    assert server.read(PATH, after) == (SECRET, False)


def test_another_region_answers_and_nothing_becomes_stale(plugin: PluginProcess, new_server: NewServer) -> None:
    regions, server = plugin.regions, new_server(plugin)
    stored = server.write(PATH, SECRET)
    regions.stop(HOME)
    server.start()
    assert server.is_healthy()
    assert server.read(PATH, stored) == (SECRET, False)
    assert server.read(PATH, server.write(PATH, b"written while a Region is away")) == (b"written while a Region is away", False)
    assert plugin.metric("meridian_k8s_kms_region_up") == 1
    regions.start(HOME)
    regions.wait_until(lambda: plugin.metric("meridian_k8s_kms_region_up") == 2)
    asked = asked_of_the_other(plugin)
    server.start()
    assert server.read(PATH, stored) == (SECRET, False)
    assert asked_of_the_other(plugin) == asked, "the nearest Region is asked again"


@pytest.mark.deep
def test_in_an_outage_reads_go_on_and_writes_stop_after_three_minutes(plugin: PluginProcess, new_server: NewServer) -> None:
    regions, server = plugin.regions, new_server(plugin)
    stored = server.write(PATH, SECRET)
    for region in (HOME, AWAY):
        regions.stop(region)
    regions.wait_until(lambda: not server.is_healthy(), POLL_SECONDS)
    with pytest.raises(StorageError, match=r"code = Unavailable.*EndpointConnectionError"):
        server.do("healthz")
    assert plugin.read("/livez") == (200, "ok\n")
    status, text = plugin.read("/healthz")
    assert (status, "EndpointConnectionError" in text) == (503, True)
    assert server.read(PATH, server.write(PATH, SECRET)) == (SECRET, False), "writes coast for three minutes"
    server.do("clock", ahead_seconds=WRITES_STOP_SECONDS)
    with pytest.raises(StorageError, match="expired at"):
        server.write(PATH, SECRET)
    assert server.read(PATH, stored) == (SECRET, False), "reads go on from what the API server keeps"
    regions.start()
    regions.wait_until(server.is_healthy, POLL_SECONDS)
    assert server.read(PATH, server.write(PATH, SECRET)) == (SECRET, False)


@pytest.mark.deep
def test_a_disabled_key_stops_writes_and_no_other_region_is_asked(plugin: PluginProcess, new_server: NewServer) -> None:
    regions, server = plugin.regions, new_server(plugin)
    regions.wait_until(lambda: plugin.metric("meridian_k8s_kms_region_up") == 2)  # both were looked at, and are again in a minute
    asked = asked_of_the_other(plugin)
    with regions.client() as alice:
        alice.disable_key(key_id=plugin.key)
    regions.wait_until(lambda: plugin.read("/healthz")[0] == 503)
    with pytest.raises(StorageError, match=r"FailedPrecondition.*us-east-1: DisabledException"):
        server.do("status")
    assert asked_of_the_other(plugin) == asked
    with regions.client() as alice:
        alice.enable_key(key_id=plugin.key)
    regions.wait_until(lambda: plugin.read("/healthz")[0] == 200)
    assert server.do("status")["healthz"] == "ok"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "asked to end"])
def test_the_plugin_starts_again_in_its_own_place(plugin: PluginProcess, new_server: NewServer, number: int) -> None:
    server = new_server(plugin)
    stored = server.write(PATH, SECRET)
    plugin.stop(number)
    if number == signal.SIGKILL:
        assert plugin.socket.is_socket(), "it is left behind, and nobody listens"
    assert plugin.start() == "ready"
    assert plugin.socket.stat().st_mode & 0o777 == 0o600
    server.start()
    assert server.read(PATH, stored) == (SECRET, False)


def test_a_backup_of_etcd_is_restored_where_another_region_is(
    regions: Deployment, plugin: PluginProcess, new_server: NewServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stored = new_server(plugin).write(PATH, SECRET)
    replica = plugin.key.replace(HOME, AWAY)
    target = endpoint(regions, AWAY).partition("=")[2]
    elsewhere = PluginProcess(tmp_path_factory.mktemp("r"), regions, replica, [target])
    assert elsewhere.start() == "ready"
    try:
        assert new_server(elsewhere).read(PATH, stored) == (SECRET, False)
    finally:
        assert elsewhere.stop() == 0


@pytest.mark.deep
def test_it_starts_before_its_regions_and_is_used_once_they_are_there(plugin: PluginProcess, new_server: NewServer) -> None:
    regions = plugin.regions
    plugin.stop()
    for region in (HOME, AWAY):
        regions.stop(region)
    assert plugin.start().startswith("ready, but the key cannot be used yet: ")
    server = new_server(plugin)
    assert not server.is_healthy()
    regions.start()
    regions.wait_until(server.is_healthy, POLL_SECONDS)
    assert server.read(PATH, server.write(PATH, SECRET)) == (SECRET, False)


def test_answers_come_long_before_the_api_server_stops_waiting(plugin: PluginProcess, new_server: NewServer) -> None:
    """Prints what was measured; `pytest -s` shows it."""
    server = new_server(plugin)
    for method, taken in server.do("measure", count=200)["milliseconds"].items():
        at = {share: taken[int(len(taken) * share)] for share in (0.5, 0.99)}
        print(f"{method}: p50 {at[0.5]:.1f} ms, p99 {at[0.99]:.1f} ms")
        assert at[0.99] < 1_000, method
