"""A pod of the chart without a cluster: its volumes laid as a kubelet lays them, its arguments run, its probes asked.

Paths and ports are this machine's; everything else is what the manifests say.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy_objects import Name, Object, by_name, objects_in, rendered
from tests.ports import free_port

HOST = "127.0.0.1"
ROOTS = ("/etc/meridian", "/var/lib/meridian")
SECRET, CONFIG = 0o400, 0o644


def chart(*options: str, namespace: str = "meridian") -> dict[Name, Object]:
    """The objects of a rendering."""
    return by_name(objects_in(rendered(*options, namespace=namespace)))


@dataclass
class Pod:
    """One container of a pod."""

    root: Path
    name: str
    spec: Mapping[str, Any]
    objects: Mapping[Name, Object]
    secrets: Mapping[str, Mapping[str, bytes]]
    addresses: Mapping[str, str]
    """What a name of the cluster is here."""
    claims: Path
    """What outlives the pod."""
    ports: dict[int, int] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def container(self) -> Mapping[str, Any]:
        container: Mapping[str, Any] = self.spec["containers"][0]
        return container

    def take_ports(self) -> Pod:
        """Let the ports be known before the pod is there, as names of Services are."""
        self.ports = {each["containerPort"]: free_port() for each in self.container.get("ports", [])}
        return self

    def mount(self) -> Pod:
        """Lay every volume."""
        volumes = {each["name"]: each for each in self.spec["volumes"]}
        if not self.ports:
            self.take_ports()
        for each in self.container["volumeMounts"]:
            if each["mountPath"].startswith(ROOTS):
                path = self.here(each["mountPath"])
                path.mkdir(parents=True, exist_ok=True)
                self._lay(path, each["name"], volumes.get(each["name"], {}), each)
        return self

    def here(self, path: str) -> Path:
        return Path(self.root, path.lstrip("/"))

    def _lay(self, path: Path, name: str, volume: Mapping[str, Any], mount: Mapping[str, Any]) -> None:
        if "configMap" in volume:
            self.project(path, self._config(volume["configMap"]["name"]), CONFIG)
        elif "secret" in volume:
            secret = volume["secret"]
            data = self.secrets[secret["secretName"]]
            files = {each["path"]: data[each["key"]] for each in secret["items"]} if "items" in secret else dict(data)
            assert secret["defaultMode"] == SECRET
            self.project(path, files, SECRET)
        elif "downwardAPI" in volume:
            self.project(path, {each["path"]: self.name.encode() for each in volume["downwardAPI"]["items"]}, CONFIG)
        else:  # a claim, which the next pod finds again; a template of claims has no volume
            self.lay_claim(path, self.claims / name / mount.get("subPathExpr", "").replace("$(POD_NAME)", self.name))

    def lay_claim(self, path: Path, kept: Path) -> None:
        """What is kept outlives the pod and is found at the path."""
        kept.mkdir(parents=True, exist_ok=True)
        path.rmdir()
        path.symlink_to(kept)

    def _config(self, name: str) -> dict[str, bytes]:
        if ("ConfigMap", name) not in self.objects:
            return dict(self.secrets[name])
        return {each: self.rewritten(text).encode() for each, text in self.objects["ConfigMap", name]["data"].items()}

    def rewritten(self, text: str) -> str:
        """The same with the paths, ports and names of this machine."""
        for root in ROOTS:
            text = text.replace(root, str(self.here(root)))
        for there, here in self.ports.items():
            text = text.replace(f"0.0.0.0:{there}", f"{HOST}:{here}")
        for there_name, here_name in self.addresses.items():
            text = text.replace(there_name, here_name)
        return text

    def project(self, path: Path, files: Mapping[str, bytes], mode: int) -> None:
        """As a kubelet does: a new folder, then one link to it that is exchanged."""
        made = path / f"..{time.monotonic_ns()}"
        made.mkdir()
        for name, data in files.items():
            (made / name).write_bytes(data)
            (made / name).chmod(mode)
            if not (path / name).is_symlink():
                (path / name).symlink_to(f"..data/{name}")
        (path / "..data_tmp").symlink_to(made.name)
        (path / "..data_tmp").rename(path / "..data")
        for link in path.iterdir():
            if link.is_symlink() and not link.exists():
                link.unlink()
        for old in path.glob("..[0-9]*"):
            if old != made:
                shutil.rmtree(old)

    def environment(self) -> dict[str, str]:
        values = {each["name"]: self.rewritten(str(each.get("value", self.name))) for each in self.container.get("env") or []}
        return {**os.environ, **values}

    def arguments(self) -> list[str]:
        return [sys.executable, "-m", "meridian", *(self.rewritten(each) for each in self.container["args"])]

    def run(self) -> subprocess.CompletedProcess[str]:
        """The container of a Job, to its end."""
        command, environment = self.arguments(), self.environment()
        return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, timeout=300, check=False)

    def start(self) -> Pod:
        """The container of a server; ready when its probes say so."""
        log = (self.root / "log").open("ab")
        self.process = subprocess.Popen(self.arguments(), env=self.environment(), cwd="/", stdout=log, stderr=log)
        log.close()
        startup = self.container["startupProbe"]
        until = time.monotonic() + startup["periodSeconds"] * startup["failureThreshold"]
        while self.probe("startupProbe") != 200 or self.probe("readinessProbe") != 200:
            has_a_chance = self.process.poll() is None and time.monotonic() < until
            assert has_a_chance, (self.root / "log").read_text()[-3000:]
            time.sleep(0.1)
        return self

    def probe(self, name: str) -> int:
        """The status that a probe of the manifest gets; 0 where nobody answers."""
        probe = self.container[name]["httpGet"]
        (port,) = [each["containerPort"] for each in self.container["ports"] if each["name"] == probe["port"]]
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.ports[port]}{probe['path']}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            return 0

    def port(self, name: str) -> int:
        return next(self.ports[each["containerPort"]] for each in self.container["ports"] if each["name"] == name)

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://{HOST}:{self.port('admin')}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                self.process.kill()


def pod_of(template: Mapping[str, Any]) -> Mapping[str, Any]:
    """The pod of a workload or of a Job."""
    spec: Mapping[str, Any] = template["spec"]["template"]["spec"]
    return spec


def initial(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The same pod with its initial container alone."""
    return {**spec, "containers": spec["initContainers"]}


def settings_of(objects: Mapping[Name, Object], name: str = "meridian-settings") -> dict[str, Any]:
    """The settings file in a ConfigMap of what was rendered."""
    return tomllib.loads(objects["ConfigMap", name]["data"]["region.toml"])
