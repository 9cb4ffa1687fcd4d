"""etcd and the API server of Kubernetes on this machine, as `make kubernetes` builds them: a cluster without controllers and nodes."""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from deploy_objects import tool
from tests.ports import free_port

from meridian.adapters.clock_system import SystemClock
from meridian.crypto.certificates import new_authority, new_leaf

HOST = "127.0.0.1"
PROGRAMS = ("etcd", "kube-apiserver", "kubectl")
START_SECONDS = 180.0
END_SECONDS = 30.0
COMMAND_SECONDS = 120.0
ANSWER_SECONDS = 10.0
LOG_CHARACTERS = 3000


class CommandFault(Exception):
    """A command ended otherwise than with 0; the text is what it wrote."""


def require_programs(*more: str) -> None:
    """Skips the test, with the reason, where one is not there."""
    absent = [name for name in (*PROGRAMS, *more) if tool(name) is None]
    if absent:
        pytest.skip(f"{', '.join(absent)} absent: make deploy-tools kubernetes")


@dataclass
class ControlPlane:
    """One cluster, with what it stores in a folder of its own. Nothing listens but on this machine."""

    folder: Path
    encryption: Mapping[str, Any] | None = None
    """An EncryptionConfiguration; None stores what is written as it is."""
    etcd_port: int = field(default_factory=free_port)
    peer_port: int = field(default_factory=free_port)
    api_port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self) -> ControlPlane:
        """Both programs, ready."""
        self.start_etcd()
        self.start_api_server()
        return self

    def start_etcd(self) -> None:
        clients, peers = f"http://{HOST}:{self.etcd_port}", f"http://{HOST}:{self.peer_port}"
        self._begin(
            "etcd",
            [
                f"--data-dir={self.folder / 'etcd'}",
                f"--listen-client-urls={clients}",
                f"--advertise-client-urls={clients}",
                f"--listen-peer-urls={peers}",
                f"--initial-advertise-peer-urls={peers}",
                f"--initial-cluster=default={peers}",
                "--unsafe-no-fsync",
                "--log-level=warn",
            ],
        )
        self._wait("etcd", lambda: bool(self._etcd("maintenance/status", {})))

    def start_api_server(self) -> None:
        options = [
            f"--etcd-servers=http://{HOST}:{self.etcd_port}",
            f"--bind-address={HOST}",
            f"--advertise-address={HOST}",
            f"--secure-port={self.api_port}",
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=RBAC",
            "--profiling=false",
            *(f"--{name}={path}" for name, path in self._files.items()),
        ]
        self._begin("kube-apiserver", options)
        self._wait("kube-apiserver", lambda: self.ask("/readyz")[0] == 200)

    def restart_api_server(self) -> None:
        """As a process that knows nothing but what etcd stores."""
        self.end("kube-apiserver")
        self.start_api_server()

    def _begin(self, name: str, options: Sequence[str]) -> None:
        program = tool(name)
        assert program is not None
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen([program, *options], stdout=log, stderr=log, cwd=self.folder)

    def _wait(self, name: str, reached: Callable[[], bool]) -> None:
        until = time.monotonic() + START_SECONDS
        while not reached():
            has_a_chance = self.processes[name].poll() is None and time.monotonic() < until
            assert has_a_chance, f"{name}: {self.log(name)}"
            time.sleep(0.2)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()[-LOG_CHARACTERS:]

    @cached_property
    def _files(self) -> dict[str, Path]:
        """What the API server reads as it starts, by its option."""
        now = SystemClock().now()
        authority = new_authority("cluster", now)
        leaf = new_leaf(authority, "kube-apiserver", now, addresses=[HOST], dns_names=["kubernetes.default.svc"])
        accounts = ec.generate_private_key(ec.SECP256R1())
        public = accounts.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        made = {
            "tls-cert-file": leaf.certificate,
            "tls-private-key-file": leaf.private_key,
            "service-account-key-file": public,
            "service-account-signing-key-file": accounts.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "token-auth-file": f"{self.token},administrator,1,system:masters\n".encode(),
        }
        if self.encryption is not None:
            made["encryption-provider-config"] = json.dumps(self.encryption).encode()
        (self.folder / "authority.crt").write_bytes(authority.certificate)
        return {name: self._written(name, data) for name, data in made.items()}

    def _written(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_bytes(data)
        return path

    @cached_property
    def token(self) -> str:
        return secrets.token_urlsafe(24)

    @cached_property
    def kubeconfig(self) -> Path:
        """For kubectl and helm: no token in their arguments."""
        cluster = {"server": f"https://{HOST}:{self.api_port}", "certificate-authority": str(self.folder / "authority.crt")}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "here", "cluster": cluster}],
            "users": [{"name": "administrator", "user": {"token": self.token}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "administrator"}}],
            "current-context": "here",
        }
        return self._written("kubeconfig", json.dumps(config).encode())

    def run(self, *words: str, given: str = "") -> str:
        """What kubectl, helm or another program prints of this cluster. Raises: CommandFault."""
        program = tool(words[0])
        assert program is not None, words[0]
        environment = {"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.folder), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [program, *words[1:]], env=environment, input=given, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
        if done.returncode != 0:
            raise CommandFault(f"{words[0]}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def kubectl(self, *words: str, given: str = "") -> str:
        """Raises: CommandFault."""
        return self.run("kubectl", *words, given=given)

    def apply(self, objects: Sequence[Mapping[str, Any]], namespace: str) -> None:
        """By the server's own merge, where a field that it does not know is an error. Raises: CommandFault."""
        words = ("apply", "--server-side", "--field-manager=tests", "--validate=strict", "--namespace", namespace, "--filename=-")
        self.kubectl(*words, given="\n---\n".join(map(json.dumps, objects)))

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        """Raises: CommandFault."""
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "--namespace", namespace, "--output=json"))
        return found

    def ask(self, path: str) -> tuple[int, str]:
        """(status, text) of a path of the API server; 0 where nobody answers."""
        trusted = ssl.create_default_context(cafile=str(self.folder / "authority.crt"))
        connection = http.client.HTTPSConnection(HOST, self.api_port, timeout=ANSWER_SECONDS, context=trusted)
        return _asked(connection, "GET", path, headers={"Authorization": f"Bearer {self.token}"})

    def stored(self, key: str) -> bytes:
        """What etcd has under a key; empty where it has nothing."""
        found = self._etcd("kv/range", {"key": base64.b64encode(key.encode()).decode()})
        return base64.b64decode(found["kvs"][0]["value"]) if found.get("kvs") else b""

    def _etcd(self, method: str, body: Mapping[str, str]) -> dict[str, Any]:
        """Of etcd itself, past the API server; {} where nobody answers."""
        connection = http.client.HTTPConnection(HOST, self.etcd_port, timeout=ANSWER_SECONDS)
        status, text = _asked(connection, "POST", f"/v3/{method}", body=json.dumps(body))
        return dict(json.loads(text)) if status == 200 else {}

    def end(self, name: str) -> None:
        process = self.processes.pop(name, None)
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(END_SECONDS)

    def close(self) -> None:
        self.end("kube-apiserver")
        self.end("etcd")
        shutil.rmtree(self.folder / "etcd", ignore_errors=True)


def _asked(connection: http.client.HTTPConnection, method: str, path: str, **more: Any) -> tuple[int, str]:
    try:
        connection.request(method, path, **more)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException) as fault:
        return 0, str(fault)
    finally:
        connection.close()
