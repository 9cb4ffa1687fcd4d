"""The chart's default rendering, run: the migration Job's command, two pods of one Region on PostgreSQL, their probes and their end."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.audit_logs import records_in
from tests.databases import new_database
from tests.deploy.clusters import Cluster
from tests.deploy.pods import CONFIG, HOST, Pod, chart, pod_of

from meridian.client import Client, errors

SECONDS = 30
"""Of a call; the machine is shared."""
ALICE, APP = "spiffe://meridian.example/ns/operators/sa/alice", "spiffe://meridian.example/ns/shop/sa/app"
PRINCIPALS = [
    {"kind": "User", "account": "111122223333", "name": "alice", "groups": ["key-administrators"], "spiffe_id": ALICE},
    {"kind": "Service", "account": "111122223333", "name": "app", "groups": ["key-users"], "spiffe_id": APP},
]
QUICK = (
    "--set",
    "preStopSeconds=2",
    "--set",
    "settings.limits.drain_pause_seconds=2",
    "--set-json",
    f"principals={json.dumps(PRINCIPALS)}",
)

pytestmark = [pytest.mark.deep, pytest.mark.timeout(900)]  # a job on an empty database, twice, on a machine that others use, too


@dataclass
class Place:
    """A cluster with a database, and what was rendered for it."""

    cluster: Cluster
    root: Path
    options: tuple[str, ...]

    def pod(self, kind: str, name: str, *more: str) -> Pod:
        objects = chart(*self.options, *more)
        (spec,) = [pod_of(each) for (each_kind, _), each in objects.items() if each_kind == kind]
        folder = self.root / f"{name}-{time.monotonic_ns()}"
        return Pod(folder, name, spec, objects, self.secrets, {}, self.root / "claims").mount()

    def __post_init__(self) -> None:
        self.secrets = self.cluster.secrets(chart(*self.options))


@pytest.fixture
def place(tmp_path: Path, postgresql_server: str) -> Place:
    url = asyncio.run(new_database(postgresql_server)).replace("postgres:@", "postgres@")
    return Place(Cluster(tmp_path), tmp_path, ("--set", f"database.url={url}", *QUICK))


@pytest.fixture
def pods(place: Place) -> Iterator[list[Pod]]:
    assert place.pod("Job", "migrate").run().returncode == 0
    begun: list[Pod] = []
    try:
        for name in ("meridian-7d9f-aaaaa", "meridian-7d9f-bbbbb"):
            begun.append(place.pod("Deployment", name))
            begun[-1].start()
        yield begun
    finally:
        for each in begun:
            each.end()


def test_the_job_prints_the_fingerprint_again_and_again(place: Place) -> None:
    first = place.pod("Job", "migrate").run()
    assert (first.returncode, len(first.stdout.strip())) == (0, 64), first.stderr
    assert place.pod("Job", "migrate").run().stdout == first.stdout


def test_an_upgrade_on_an_empty_database_fails_and_no_server_starts_on_it(place: Place) -> None:
    upgraded = place.pod("Job", "migrate", "--is-upgrade").run()
    assert upgraded.returncode != 0
    assert "the database is empty" in upgraded.stderr
    with pytest.raises(AssertionError, match=r"cannot start: database: .*meridian region init"):
        place.pod("Deployment", "meridian-early").start()
    assert place.pod("Job", "migrate").run().returncode == 0
    after = place.pod("Job", "migrate", "--is-upgrade").run()
    assert (after.returncode, after.stdout[:7]) == (0, "schema "), after.stderr
    restored = place.pod("Job", "migrate", "--set", "migration.command=restored").run()
    assert (restored.returncode, restored.stdout[:12]) == (0, "incarnation "), restored.stderr


def test_two_pods_serve_one_region_take_policies_and_end_without_a_lost_call(place: Place, pods: list[Pod]) -> None:
    first, second = pods
    with place.cluster.client(first.port("grpc"), ALICE) as alice:
        key_id = alice.create_key(timeout=SECONDS).key_metadata.key_id
    with place.cluster.client(first.port("grpc"), APP) as app, place.cluster.client(second.port("grpc"), APP) as other:
        blob = app.encrypt(key_id=key_id, plaintext=b"x", timeout=SECONDS).ciphertext_blob
        assert other.decrypt(ciphertext_blob=blob, timeout=SECONDS).plaintext == b"x"
        for pod in pods:
            log = pod.claims / "audit" / pod.name / "log"
            assert {record["meridian"]["replica"] for record in records_in(log) if "replica" in record["meridian"]} == {pod.name}
        _helm_test_passes(first)
        _policies_are_taken(second, other, key_id)
        _it_drains(first, app, key_id)
        assert other.describe_key(key_id=key_id, timeout=SECONDS).key_metadata.enabled


def _helm_test_passes(pod: Pod) -> None:
    """What `helm test` runs, at the addresses that this machine has."""
    program, admin, grpc, authority = pod.objects["Pod", "meridian-test"]["spec"]["containers"][0]["args"]
    assert (admin, grpc) == ("meridian-headless:8081", "meridian:8443")
    addresses = [f"{HOST}:{pod.port('admin')}", f"{HOST}:{pod.port('grpc')}"]
    for trusted, code in ((authority, 0), ("/etc/meridian/tls/peer/ca.crt", 1)):
        command = [sys.executable, "-c", program, *addresses, pod.rewritten(trusted)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stderr


def _policies_are_taken(pod: Pod, client: Client, key_id: str) -> None:
    """A kubelet exchanges the files of the ConfigMap, and the pod has them within seconds."""
    folder = pod.here("/etc/meridian/policies")
    files = {path.name: path.read_bytes() for path in folder.glob("*.cedar")}
    text = '@id("guardrail.freeze") @layer("guardrail") @reason("frozen") forbid (principal, action == KMS::Action::"Encrypt", resource);'
    pod.project(folder, {**files, "freeze.cedar": text.encode()}, CONFIG)
    _wait_until(lambda: not _may_encrypt(client, key_id))
    pod.project(folder, files, CONFIG)
    _wait_until(lambda: _may_encrypt(client, key_id))


def _may_encrypt(client: Client, key_id: str) -> bool:
    try:
        client.encrypt(key_id=key_id, plaintext=b"x", timeout=SECONDS)
    except errors.AccessDeniedException:
        return False
    return True


def _wait_until(reached: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.1)


def _it_drains(pod: Pod, client: Client, key_id: str) -> None:
    """As a kubelet ends a pod: preStop, SIGTERM, and the grace period from the beginning of both. Nobody is refused meanwhile."""
    spec, process = pod.container, pod.process
    assert process is not None
    begun = time.monotonic()
    pause = spec["lifecycle"]["preStop"]["sleep"]["seconds"]
    while time.monotonic() < begun + pause:
        client.encrypt(key_id=key_id, plaintext=b"x", timeout=SECONDS)
        assert pod.probe("readinessProbe") == 200
    process.send_signal(signal.SIGTERM)
    told = served = 0
    while time.monotonic() < begun + pause + 1.5:
        client.encrypt(key_id=key_id, plaintext=b"x", timeout=SECONDS)
        served += 1
        told += pod.probe("readinessProbe") == 503
    assert served > 5
    assert told >= served - 2
    assert process.wait(timeout=pod.spec["terminationGracePeriodSeconds"]) == 0
    assert time.monotonic() - begun < pod.spec["terminationGracePeriodSeconds"]
