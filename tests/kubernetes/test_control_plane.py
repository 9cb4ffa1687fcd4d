"""The chart's rendering on a real API server: every object is taken by its strict validation and stored whole, pods pass the security
standard of their namespace, and Helm installs, upgrades and rolls back."""

from __future__ import annotations

import datetime
import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from deploy_objects import CHART, DEPLOY, ROOT, Object, name_of, objects_in, rendered, run, tool
from tests.deploy.pods import pod_of
from tests.kubernetes.control_plane import CommandFault, ControlPlane, require_programs
from tests.kubernetes.custom_resources import definitions

pytestmark = [pytest.mark.deep, pytest.mark.timeout(600)]
FOLDERS = ("base", "regions/us-east-1", "regions/eu-west-1")
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
HOOK_SECONDS = 120.0
WORKLOADS = ("Deployment", "StatefulSet", "Job")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    require_programs("helm")
    made = ControlPlane(tmp_path_factory.mktemp("cluster"))
    try:
        made.start()
        made.apply(definitions(), "default")
        made.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        yield made
    finally:
        made.close()


def new_namespace(cluster: ControlPlane, name: str) -> str:
    """With what the controllers of a cluster would put into it."""
    cluster.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}}], "default")
    cluster.apply([{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}], name)
    return name


def lacking(sent: Any, found: Any, path: str = "") -> list[str]:
    """The fields of what was sent that are not, or are otherwise, in what was found; what a server adds is no matter."""
    if isinstance(sent, Mapping) and isinstance(found, Mapping):
        return [fault for name, each in sent.items() for fault in lacking(each, found.get(name), f"{path}.{name}")]
    if isinstance(sent, list) and isinstance(found, list) and len(sent) == len(found):
        return [fault for at, each in enumerate(sent) for fault in lacking(each, found[at], f"{path}[{at}]")]
    return [] if sent == found or (sent in ({}, [], None) and not found) else [f"{path}: {sent!r} became {found!r}"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_object_is_taken_and_read_back_whole(cluster: ControlPlane, folder: str) -> None:
    region = folder.rpartition("/")[2]
    namespace = new_namespace(cluster, "meridian" if region == "base" else f"meridian-{region}")
    kubectl = tool("kubectl")
    assert kubectl is not None
    objects = objects_in(run([kubectl, "kustomize", DEPLOY / folder], ROOT))
    cluster.apply(objects, namespace)
    found = {name_of(each): cluster.get(*name_of(each), namespace) for each in objects}
    faults = {" ".join(name_of(each)): fault for each in objects if (fault := lacking(each, found[name_of(each)]))}
    assert faults == {}
    assert {"Deployment", "Job", "Certificate", "NetworkPolicy", "PodDisruptionBudget", "HorizontalPodAutoscaler"} <= {
        kind for kind, _ in found
    }
    print(f"{folder}: {len(found)} objects taken by the API server and read back whole")


def test_a_field_that_the_api_server_does_not_know_is_refused(cluster: ControlPlane) -> None:
    """So that the test above cannot pass by a server that drops what it does not know."""
    namespace = new_namespace(cluster, "refused")
    for each in objects_in(rendered(namespace=namespace)):
        if each["kind"] not in ("Deployment", "Certificate"):
            continue
        each["spec"]["replicaz"] = 3
        with pytest.raises(CommandFault, match="replicaz"):
            cluster.apply([each], namespace)


@pytest.mark.parametrize("variant", ["default", *(path.stem for path in sorted((CHART / "ci").glob("*.yaml")))])
def test_every_pod_passes_the_security_standard_of_its_namespace(cluster: ControlPlane, variant: str) -> None:
    namespace = new_namespace(cluster, f"restricted-{variant}")
    options = () if variant == "default" else ("--values", str(CHART / "ci" / f"{variant}.yaml"))
    objects = objects_in(rendered(*options, namespace=namespace))
    cluster.apply(objects, namespace)  # the Pod of `helm test` among them
    pods = [_pod(each) for each in objects if each["kind"] in WORKLOADS]
    assert pods
    cluster.apply(pods, namespace)
    for each in pods:
        assert cluster.get(*name_of(each), namespace)["status"]["phase"] == "Pending", "there is no node"
    loose = _pod(next(each for each in objects if each["kind"] in WORKLOADS))
    loose["metadata"]["name"] = "loose"
    loose["spec"]["containers"][0]["securityContext"]["capabilities"] = {"add": ["NET_ADMIN"]}
    with pytest.raises(CommandFault, match='violates PodSecurity "restricted'):
        cluster.apply([loose], namespace)


def _pod(workload: Object) -> Object:
    """As a controller makes it of the workload's template; claims that a StatefulSet makes are volumes of no pod here."""
    template = workload["spec"]["template"]
    spec = json.loads(json.dumps(pod_of(workload)))
    spec["volumes"] += [
        {"name": each["metadata"]["name"], "persistentVolumeClaim": {"claimName": each["metadata"]["name"]}}
        for each in workload["spec"].get("volumeClaimTemplates", [])
    ]
    metadata = {**template["metadata"], "name": f"{workload['metadata']['name']}-{workload['kind'].lower()}"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def test_helm_installs_upgrades_and_rolls_back(cluster: ControlPlane) -> None:
    namespace = new_namespace(cluster, "by-helm")
    values = DEPLOY / "regions" / "us-east-1" / "values.yaml"
    given = (str(CHART), "--namespace", namespace, "--values", str(values), "--timeout", f"{HOOK_SECONDS:.0f}s")
    assert _job_of(cluster, namespace, "install", "meridian", *given)[:2] == ["region", "init"]
    assert cluster.get("Deployment", "meridian", namespace)["metadata"]["annotations"]["meta.helm.sh/release-name"] == "meridian"
    before = _denied(cluster, namespace)
    denied = ("--set-json", 'deniedSpiffeIds=["spiffe://meridian.example/ns/shop/sa/left"]')
    assert _job_of(cluster, namespace, "upgrade", "meridian", *given, *denied)[0] == "migrate"
    assert "sa/left" in _denied(cluster, namespace)
    cluster.run("helm", "rollback", "meridian", "1", "--namespace", namespace)
    assert _denied(cluster, namespace) == before
    cluster.run("helm", "uninstall", "meridian", "--namespace", namespace)
    assert cluster.get("PersistentVolumeClaim", "meridian-audit", namespace), "the audit log outlives the release"
    with pytest.raises(CommandFault, match="not found"):
        cluster.get("Deployment", "meridian", namespace)


def _denied(cluster: ControlPlane, namespace: str) -> str:
    return str(cluster.get("ConfigMap", "meridian-identities", namespace)["data"]["denied-spiffe-ids"])


def _job_of(cluster: ControlPlane, namespace: str, *words: str) -> list[str]:
    """The arguments of the migration Job that Helm waits for; it ends as the Job controller would say, where Helm goes on."""
    helm = tool("helm")
    assert helm is not None
    environment = {"KUBECONFIG": str(cluster.kubeconfig), "HOME": str(cluster.folder)}
    earlier = _uid(cluster, namespace)
    process = subprocess.Popen([helm, *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        until = time.monotonic() + HOOK_SECONDS
        while _uid(cluster, namespace) in ("", earlier):
            has_a_chance = process.poll() is None and time.monotonic() < until
            assert has_a_chance, process.communicate()[0]
            time.sleep(0.2)
        with pytest.raises(CommandFault, match="not found"):
            cluster.get("Deployment", "meridian" if words[0] == "install" else "none", namespace)
        job = cluster.get("Job", "meridian-migrate", namespace)
        cluster.kubectl("patch", "job", "meridian-migrate", "-n", namespace, "--subresource=status", "--patch", json.dumps(_ended()))
        text, _ = process.communicate(timeout=HOOK_SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert process.returncode == 0, text
    return list(job["spec"]["template"]["spec"]["containers"][0]["args"])


def _uid(cluster: ControlPlane, namespace: str) -> str:
    return cluster.kubectl("get", "job", "meridian-migrate", "-n", namespace, "--ignore-not-found", "--output=jsonpath={.metadata.uid}")


def _ended() -> dict[str, Any]:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    conditions = [{"type": each, "status": "True", "lastTransitionTime": now} for each in ("SuccessCriteriaMet", "Complete")]
    return {"status": {"startTime": now, "completionTime": now, "succeeded": 1, "conditions": conditions}}
