"""docs/kubernetes.md, "From a clone to two Regions": its commands as they are printed, on a real API server.

`kubectl logs` and `kubectl exec` need a kubelet: they are answered here from the processes that stand for pods. The image is another
matter: pods run this checkout, and `make image-check` the image.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy_objects import ROOT, tool
from tests.databases import new_database
from tests.deploy.clusters import Cluster
from tests.deploy.pods import HOST
from tests.kubernetes.control_plane import ControlPlane, require_programs
from tests.kubernetes.custom_resources import definitions
from tests.kubernetes.machine import Machine

pytestmark = [pytest.mark.deep, pytest.mark.timeout(900)]
PAGE = ROOT / "docs" / "kubernetes.md"
NAMESPACES = ("meridian-us-east-1", "meridian-eu-west-1")
DATABASE = "postgresql://meridian@postgresql:5432/meridian?ssl=verify-full"
"""As the chart's values name it."""
CALLERS = {"alice": "spiffe://meridian.example/ns/operators/sa/alice", "app": "spiffe://meridian.example/ns/shop/sa/app"}
SCRIPT_SECONDS = 600
KUBECTL = """#!/bin/bash
case "$3" in
  logs) exec cat "{folder}/$2.log" ;;
  exec) there="$2"; shift 5; shift; exec {python} -m meridian "${{@//\\/etc\\/meridian/{folder}/$there/etc/meridian}}" ;;
  *) exec {kubectl} "$@" ;;
esac
"""
"""`kubectl -n NAMESPACE logs …` and `… exec deploy/meridian -- meridian …` without a kubelet; the rest is kubectl's."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ControlPlane]:
    require_programs("helm")
    folder = tmp_path / "cluster"
    folder.mkdir()
    made = ControlPlane(folder)
    try:
        made.start()
        made.apply(definitions(), "default")
        made.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        yield made
    finally:
        made.close()


@pytest.fixture
def machine(cluster: ControlPlane, tmp_path: Path, postgresql_server: str) -> Iterator[Machine]:
    databases = {each: (DATABASE, asyncio.run(new_database(postgresql_server)).replace("postgres:@", "postgres@")) for each in NAMESPACES}
    folder = tmp_path / "node"
    folder.mkdir()
    made = Machine(cluster, Cluster(tmp_path), folder, databases).start()
    try:
        yield made
    finally:
        made.close()


def test_two_regions_as_the_page_says(cluster: ControlPlane, machine: Machine, tmp_path: Path) -> None:
    script = "\n".join(_blocks())
    for namespace in NAMESPACES:
        there = f"meridian.{namespace}.svc:8443"
        assert there in script
        script = script.replace(there, f"{HOST}:{machine.ports[namespace][8443]}")
    _reader_has(machine, tmp_path)
    begun = time.monotonic()
    done = _run(script, cluster, tmp_path)
    assert (done.returncode, machine.fault) == (0, None), done.stdout + done.stderr
    assert done.stdout.endswith("meet me in Dublin\n")
    assert done.stdout.count("successfully rolled out") == 2
    assert re.findall(r"^Phase:\s+(\w+)", done.stdout, re.MULTILINE) == ["Succeeded"] * 4, "helm test: in both a pod and its policy"
    print(f"two Regions, joined, and a key in both: {time.monotonic() - begun:.0f} s")


def test_a_region_is_restored_as_the_page_says(cluster: ControlPlane, machine: Machine, tmp_path: Path) -> None:
    """With autoscaling, whose controller leaves 0 alone: pods that no command of the page brings back do not come back."""
    _reader_has(machine, tmp_path)
    make = _blocks()[0:3]
    namespace, values = NAMESPACES[0], "deploy/regions/us-east-1/values.yaml"
    before, after = _printed("Restore", "restore")
    assert _run("\n".join(make), cluster, tmp_path).returncode == 0
    stopped = _run(f"NS={namespace} VALUES={values}\n{before}", cluster, tmp_path)
    assert (stopped.returncode, stopped.stderr) == (0, ""), stopped.stderr
    _wait_until_gone(machine, namespace)
    done = _run(f"NS={namespace} VALUES={values}\n{after}", cluster, tmp_path)
    assert (done.returncode, machine.fault) == (0, None), done.stdout + done.stderr
    deployment, scaler = (cluster.get(kind, "meridian", namespace) for kind in ("deployment", "horizontalpodautoscaler"))
    assert deployment["spec"]["replicas"] >= scaler["spec"]["minReplicas"]
    job = cluster.get("job", "meridian-migrate", namespace)
    assert job["spec"]["template"]["spec"]["containers"][0]["args"][:2] == ["region", "restored"]
    assert machine.pods[namespace].process is not None


def _wait_until_gone(machine: Machine, namespace: str) -> None:
    """The machine hears of it a moment after the commands have ended."""
    until = time.monotonic() + SCRIPT_SECONDS
    while namespace in machine.pods:
        assert time.monotonic() < until, "its pods go on"
        time.sleep(0.1)


def _run(script: str, cluster: ControlPlane, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "KUBECONFIG": str(cluster.kubeconfig)}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, capture_output=True, text=True,
        timeout=SCRIPT_SECONDS, check=False,
    )  # fmt: skip


def _blocks() -> list[str]:
    blocks = _printed("From a clone to two Regions", "cluster")
    numbered = re.findall(r"^\d\. ", _section("From a clone to two Regions"), re.MULTILINE)
    assert len(blocks) == len(numbered) - 1, "each step but the image's, which make image-check builds"
    return blocks


def _printed(title: str, kind: str) -> list[str]:
    """The section's commands of this kind, as they are printed."""
    found = re.findall(rf"^ {{3}}```sh {kind}\n(.*?)^ {{3}}```$", _section(title), re.MULTILINE | re.DOTALL)
    return [re.sub(r"^ {3}", "", block, flags=re.MULTILINE) for block in found]


def _section(title: str) -> str:
    (section,) = re.findall(rf"^## {title}\n(.*?)^## ", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return str(section)


def _reader_has(machine: Machine, folder: Path) -> None:
    """What the section says that its reader has: the checkout, the tools, the database's files, certificates of two callers."""
    kubectl, helm = tool("kubectl"), tool("helm")
    assert kubectl is not None
    assert helm is not None
    (folder / "bin").mkdir()
    stand_in = folder / "bin" / "kubectl"
    stand_in.write_text(KUBECTL.format(folder=machine.folder, python=sys.executable, kubectl=kubectl))
    stand_in.chmod(0o755)
    (folder / "bin" / "helm").symlink_to(helm)
    (folder / "bin" / "meridian").symlink_to(Path(sys.executable).parent / "meridian")
    (folder / "deploy").symlink_to(ROOT / "deploy")
    authority = machine.authorities.authorities["meridian-clients"]
    (folder / "password").write_bytes(b"not asked for here\n")
    (folder / "database-ca.crt").write_bytes(authority.certificate)
    (folder / "ca.crt").write_bytes(authority.certificate)
    for name, spiffe_id in CALLERS.items():
        machine.authorities.caller(name, spiffe_id)
