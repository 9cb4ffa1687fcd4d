"""What a control plane alone has not: the controllers of Jobs and Deployments, cert-manager, and one node, whose pods are processes here.

It sees objects through the API server alone, and writes what it has done into their status, so that kubectl and helm wait as elsewhere.
"""

from __future__ import annotations

import base64
import datetime
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy_objects import Name, Object, name_of
from tests.deploy.clusters import Cluster
from tests.deploy.pods import HOST, Pod, pod_of
from tests.kubernetes.control_plane import ControlPlane
from tests.ports import free_port

KINDS = "deployments,jobs,pods,certificates,configmaps,secrets"
PORTS = (8081, 8443, 8444, 8445)
PAUSE_SECONDS = 0.2


@dataclass
class Machine:
    """One node, and the controllers for these namespaces."""

    cluster: ControlPlane
    authorities: Cluster
    folder: Path
    databases: Mapping[str, tuple[str, str]]
    """Of each namespace: what its settings call the database, and what that is here."""
    pods: dict[str, Pod] = field(default_factory=dict)
    """The pod that serves, by namespace."""
    fault: BaseException | None = None
    _seen: set[str] = field(default_factory=set)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.ports = {namespace: {port: free_port() for port in PORTS} for namespace in self.databases}
        self._peers = {
            f"meridian-peer.{namespace}.svc.cluster.local:8445": f"{HOST}:{ports[8445]}" for namespace, ports in self.ports.items()
        }
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Machine:
        self._thread.start()
        return self

    def close(self) -> None:
        self._ended.set()
        self._thread.join(timeout=60)
        for pod in self.pods.values():
            pod.end()

    def _run(self) -> None:
        try:
            while not self._ended.wait(PAUSE_SECONDS):
                for namespace in self.databases:
                    self._look(namespace)
        except BaseException as fault:
            self.fault = fault
            raise

    def _look(self, namespace: str) -> None:
        acts: Mapping[str, Callable[..., None]] = {
            "Certificate": self._issue,
            "Job": self._complete,
            "Deployment": self._roll_out,
            "Pod": self._test,
        }
        text = self.cluster.kubectl("get", KINDS, "--namespace", namespace, "--output=json")
        objects = {name_of(each): each for each in json.loads(text)["items"]}
        secrets = {name: _data(each) for (kind, name), each in objects.items() if kind == "Secret"}
        for (kind, _), each in objects.items():
            act = acts.get(kind)
            mark = f"{each['metadata']['uid']} {each['metadata'].get('generation', '')}"
            if act is None or mark in self._seen or not _is_complete(each, objects):
                continue
            act(namespace, each, objects, secrets)
            self._seen.add(mark)

    def _issue(self, namespace: str, certificate: Object, *_: Any) -> None:
        """As cert-manager does."""
        data = {name: base64.b64encode(each).decode() for name, each in self.authorities.issued(certificate).items()}
        made = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "data": data}
        self.cluster.apply([{**made, "metadata": {"name": certificate["spec"]["secretName"]}}], namespace)

    def _complete(self, namespace: str, job: Object, objects: Mapping[Name, Object], secrets: Any) -> None:
        """Run the Job's pod to its end."""
        name = str(job["metadata"]["name"])
        done = self._pod(namespace, name, job, objects, secrets).mount().run()
        (self.folder / f"{namespace}.log").write_text(done.stdout)
        assert done.returncode == 0, done.stderr
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        conditions = [{"type": each, "status": "True", "lastTransitionTime": now} for each in ("SuccessCriteriaMet", "Complete")]
        self._say(namespace, "job", name, startTime=now, completionTime=now, succeeded=1, conditions=conditions)

    def _roll_out(self, namespace: str, deployment: Object, objects: Mapping[Name, Object], secrets: Any) -> None:
        """The pod of the newest template takes the place of the one before; one, however many are asked for, and none for none."""
        generation = deployment["metadata"]["generation"]
        if namespace in self.pods:
            self.pods.pop(namespace).end()
        if not deployment["spec"]["replicas"]:
            none = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 0)
            self._say(namespace, "deployment", "meridian", observedGeneration=generation, **none)
            return
        pod = self._pod(namespace, f"meridian-{generation}", deployment, objects, secrets)
        self.pods[namespace] = pod
        pod.mount().start()
        link = self.folder / namespace
        link.unlink(missing_ok=True)
        link.symlink_to(pod.root)
        wanted = deployment["spec"]["replicas"]
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), wanted)
        self._say(namespace, "deployment", "meridian", observedGeneration=generation, **counts)

    def _test(self, namespace: str, pod: Object, *_: Any) -> None:
        """What `helm test` runs, at the addresses that its names are here."""
        program, admin, grpc, authority = pod["spec"]["containers"][0]["args"]
        assert (admin, grpc) == ("meridian-headless:8081", "meridian:8443")
        serving, ports = self.pods[namespace], self.ports[namespace]
        command = [sys.executable, "-c", program, f"{HOST}:{ports[8081]}", f"{HOST}:{ports[8443]}", serving.rewritten(authority)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        self._say(namespace, "pod", str(pod["metadata"]["name"]), phase="Succeeded" if done.returncode == 0 else "Failed")

    def _pod(self, namespace: str, name: str, workload: Object, objects: Mapping[Name, Object], secrets: Any) -> Pod:
        there, here = self.databases[namespace]
        addresses = {**self._peers, there: here}
        root = self.folder / "pods" / f"{namespace}-{name}-{time.monotonic_ns()}"
        made = Pod(root, name, pod_of(workload), objects, secrets, addresses, self.folder / "claims" / namespace)
        made.ports = dict(self.ports[namespace])
        return made

    def _say(self, namespace: str, kind: str, name: str, **status: Any) -> None:
        patch = json.dumps({"status": status})
        self.cluster.kubectl("patch", kind, name, "--namespace", namespace, "--subresource=status", "--patch", patch)


def _data(secret: Object) -> dict[str, bytes]:
    return {name: base64.b64decode(each) for name, each in (secret.get("data") or {}).items()}


def _is_complete(each: Object, objects: Mapping[Name, Object]) -> bool:
    """Whether everything that its pod mounts is there; a kubelet starts none before."""
    if each["kind"] in ("Certificate", "Pod"):
        return True
    volumes: Sequence[Mapping[str, Any]] = pod_of(each)["volumes"] if each["kind"] in ("Deployment", "Job") else ()
    wanted = [("Secret", each["secret"]["secretName"]) for each in volumes if "secret" in each]
    wanted += [("ConfigMap", each["configMap"]["name"]) for each in volumes if "configMap" in each]
    return set(wanted) <= set(objects)
