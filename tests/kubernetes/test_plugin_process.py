"""`meridian k8s-kms` as a process: how it refuses to start, and what it reads again while it runs."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.deployment import HOME, Deployment
from tests.kubernetes.plugin_process import PluginProcess, endpoint
from tests.ports import free_port

from meridian.cli.exit_codes import SETUP, USAGE
from meridian.cli.region_place import HOST
from meridian.k8s_kms.health_port import HEAD_BYTES_MAX
from meridian.k8s_kms.metrics import Metrics
from meridian.k8s_kms.v2 import api_pb2, api_pb2_grpc

PAGE = Path(__file__).resolve().parents[2] / "docs" / "kubernetes-secrets.md"
SINGLE = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")


@pytest.fixture
def plugin(two_regions: Deployment, folder: Path) -> Iterator[PluginProcess]:
    """With certificate files of its own, which a test may change."""
    clients = folder / "clients"
    clients.mkdir()
    give(two_regions, "app", clients)
    with two_regions.client() as alice:
        key = str(alice.create_key().key_metadata.arn)
    made = PluginProcess(folder, two_regions, key, [endpoint(two_regions, HOME)], clients=clients)
    assert made.start() == "ready"
    yield made
    assert made.stop() == 0


def give(regions: Deployment, caller: str, clients: Path) -> None:
    """The caller's files take the place of whatever is there."""
    for ending in ("key", "crt"):
        shutil.copyfile(regions.root / "clients" / f"{caller}.{ending}", clients / f"new.{ending}")
        (clients / f"new.{ending}").replace(clients / f"app.{ending}")


def status(plugin: PluginProcess) -> api_pb2.StatusResponse:
    with grpc.insecure_channel(f"unix:{plugin.socket}") as channel:
        return api_pb2_grpc.KeyManagementServiceStub(channel).Status(api_pb2.StatusRequest(), timeout=3)


Break = Callable[[dict[str, str], Path], None]


def _taken_socket(options: dict[str, str], _: Path) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(options["--socket"])
    listening.listen()
    KEPT.append(listening)


def _taken_port(options: dict[str, str], _: Path) -> None:
    listening = socket.create_server((HOST, int(options["--health-port"])))
    KEPT.append(listening)


def _file_in_the_way(options: dict[str, str], _: Path) -> None:
    Path(options["--socket"]).write_text("something else")


def _open_folder(_: dict[str, str], folder: Path) -> None:
    folder.chmod(0o777)


def _token_of_two_lines(options: dict[str, str], folder: Path) -> None:
    (folder / "token").write_text("one\ntwo\n")
    options["--token-file"] = str(folder / "token")


def _key_of_another(options: dict[str, str], _: Path) -> None:
    options["--private-key"] = options["--private-key"].replace("app.key", "alice.key")


def _alias(options: dict[str, str], _: Path) -> None:
    options["--key"] = "alias/secrets"


def _two_regions_of_one_key(options: dict[str, str], _: Path) -> None:
    options["--endpoint"] = "eu-west-1=127.0.0.1:1"


KEPT: list[socket.socket] = []
FAULTS: dict[str, tuple[Break, int, str]] = {
    "a socket in use": (_taken_socket, SETUP, "cannot start: --socket: {folder}/kms.sock: another process listens there"),
    "a port in use": (_taken_port, SETUP, r"cannot start: --health-port \d+: .*in use"),
    "a file in the socket's place": (_file_in_the_way, SETUP, "cannot start: --socket: {folder}/kms.sock is there and is no socket"),
    "a folder open to all": (_open_folder, SETUP, "cannot start: --socket: {folder} may be written by others"),
    "no token": (_token_of_two_lines, SETUP, "cannot connect: --token-file: {folder}/token: is no token"),
    "the key of another certificate": (_key_of_another, SETUP, "cannot connect: --private-key: .*not that of the certificate"),
    "an alias": (_alias, USAGE, "Invalid value for --key: alias/secrets is no key ARN"),
    "a Region where the key is not": (_two_regions_of_one_key, USAGE, "Invalid value for --endpoint: .* is no multi-Region key"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_keeps_it_from_starting_is_one_sentence(two_regions: Deployment, folder: Path, fault: str) -> None:
    breaks, code, sentence = FAULTS[fault]
    clients = two_regions.root / "clients"
    options = {
        "--socket": str(folder / "kms.sock"),
        "--key": SINGLE,
        "--endpoint": endpoint(two_regions, HOME),
        "--health-port": str(free_port()),
        "--ca": str(two_regions.root / "client-ca.crt"),
        "--certificate": str(clients / "app.crt"),
        "--private-key": str(clients / "app.key"),
    }
    breaks(options, folder)
    command = [sys.executable, "-m", "meridian", "k8s-kms", *(part for option in options.items() for part in option)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    finally:
        while KEPT:
            KEPT.pop().close()
    assert (done.returncode, done.stdout) == (code, "")
    assert re.search(sentence.replace("{folder}", re.escape(str(folder))), done.stderr.replace("\n", " ")), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.deep
def test_renewed_credentials_are_used_and_unsound_ones_are_not(plugin: PluginProcess) -> None:
    regions, key = plugin.regions, plugin.key

    def caller() -> str:
        """Who asked last; alice may administer the key, and is refused."""
        with contextlib.suppress(grpc.RpcError):
            status(plugin)
        return str([record["userIdentity"]["userName"] for record in regions.events_of(HOME, key) if record["eventName"] == "Encrypt"][-1])

    (plugin.clients / "app.crt").write_bytes((regions.root / "clients" / "alice.crt").read_bytes())
    regions.wait_until(lambda: 'credential_reloads_total{outcome="refused"} 1.0' in plugin.read("/metrics")[1], 30)
    assert "credentials cannot be used, the earlier ones stay" in plugin.log
    assert status(plugin).healthz == "ok"
    assert caller() == "app"
    give(regions, "alice", plugin.clients)
    regions.wait_until(lambda: caller() == "alice", 60)
    give(regions, "app", plugin.clients)
    regions.wait_until(lambda: caller() == "app", 60)
    assert status(plugin).healthz == "ok"


def test_the_port_has_health_and_metrics_and_nothing_else(plugin: PluginProcess) -> None:
    status(plugin)
    assert [plugin.read(path) for path in ("/livez", "/healthz")] == [(200, "ok\n")] * 2
    assert plugin.read("/")[0] == 404
    assert plugin.metric("meridian_k8s_kms_healthy") == 1
    assert plugin.metric("meridian_k8s_kms_call_seconds_count") == 1
    for sent in (b"POST /metrics HTTP/1.1\r\n\r\n", b"x" * (HEAD_BYTES_MAX + 1)):
        with socket.create_connection((HOST, plugin.health_port), timeout=10) as raw:
            raw.sendall(sent)
            assert raw.recv(64).partition(b"\r\n")[0] in (b"HTTP/1.1 405 Method Not Allowed", b"")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", plugin.health_port), timeout=2)


def test_what_is_no_protobuf_is_one_line_of_json(plugin: PluginProcess) -> None:
    with grpc.insecure_channel(f"unix:{plugin.socket}") as channel:
        call: Any = channel.unary_unary("/v2.KeyManagementService/Encrypt")
        with pytest.raises(grpc.RpcError):
            call(b"\xff\xff\xff-not-a-protobuf", timeout=5)
    assert status(plugin).healthz == "ok"
    lines = plugin.log.splitlines()
    assert [line for line in lines if json.loads(line)["level"] == "error"], "and told"
    assert "Traceback" not in plugin.log
    assert "not-a-protobuf" not in plugin.log
    assert plugin.metric("meridian_k8s_kms_certificate_expires_seconds") > 0


def test_a_second_one_leaves_the_first_in_its_place(plugin: PluginProcess) -> None:
    second = PluginProcess(plugin.folder, plugin.regions, plugin.key, plugin.endpoints, clients=plugin.clients)
    with pytest.raises(AssertionError, match="another process listens there"):
        second.start()
    assert status(plugin).healthz == "ok"


def test_no_secret_is_in_its_log(plugin: PluginProcess) -> None:
    seed = b"a-seed-that-nobody-may-ever-read"
    with grpc.insecure_channel(f"unix:{plugin.socket}") as channel:
        stub = api_pb2_grpc.KeyManagementServiceStub(channel)
        made = stub.Encrypt(api_pb2.EncryptRequest(plaintext=seed, uid="1"), timeout=3)
        with pytest.raises(grpc.RpcError):
            stub.Decrypt(api_pb2.DecryptRequest(ciphertext=made.ciphertext[:-1], key_id=made.key_id, uid="2"), timeout=3)
    assert "InvalidCiphertextException" in plugin.log
    assert seed.decode() not in plugin.log + plugin.read("/metrics")[1]


def test_the_page_has_every_metric_and_nothing_else() -> None:
    written = {
        row[0].strip("` "): row[1].strip()
        for row in (line.strip("|").split("|") for line in PAGE.read_text().splitlines() if line.startswith("| `meridian_k8s_kms_"))
    }
    assert written == {metric.name: metric.type for metric in Metrics().registry.collect()}


def test_the_policy_on_the_page_is_one(tmp_path: Path) -> None:
    (policy,) = re.findall(r'^ +@id\("cluster-one.*?};$', PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "cluster-one.cedar").write_text(textwrap.dedent(policy) + "\n")
    command = [sys.executable, "-m", "meridian", "policy", "validate", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
