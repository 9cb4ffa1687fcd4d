"""Two locks, told step by step: one deployment is the KMS, another the external key manager whose key is the second lock of its keys.

Real processes, real commands. Ends non-zero if any answer is not what it should be.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

from demo import COMMAND_SECONDS, MERIDIAN, STOP_SECONDS, DemoError, say

from meridian.administration.database import initialise
from meridian.audit.segments import lines_of, segments_in
from meridian.cli.dev_folder import DevFolder, free_port
from meridian.cli.region_place import HOST
from meridian.crypto.certificates import new_authority, new_leaf
from meridian.settings import load_settings

NAME, PREFIX, XKS_KEY = "keys.example.com", "/payments", "payments-2026"
REGIONS = {"kms": "us-east-1", "manager": "eu-central-1"}
LINES = 12
STATE_CODE = 6
WAIT_SECONDS = 20.0


class Side:
    """A deployment of one Region."""

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self.root = root / name
        self.folder = DevFolder(
            self.root, [REGIONS[name]], grpc_port=free_port(), admin_port=free_port(), aws_port=None, find_port=free_port
        )
        self.folder.prepare(None)
        self.folder.write_settings({})
        (self.place,) = self.folder.places
        self.folder.write_settings({self.place.region: asyncio.run(initialise(load_settings(self.place.settings)))})
        self.process: subprocess.Popen[str] | None = None

    def set(self, first: str, table: str = "") -> None:
        """More settings: lines before the first table, and a table at the end."""
        self.place.settings.write_text(f"{first}\n{self.place.settings.read_text()}\n{table}")

    def begin(self) -> None:
        """Start the Region's process."""
        command = ["serve", "--config", str(self.place.settings), "--allow-file-seal"]
        print(f"  {self.name} $ meridian {shlex.join(command)}", flush=True)
        log = (self.place.folder / "log").open("a")
        self.process = subprocess.Popen([str(MERIDIAN), *command], stdout=subprocess.PIPE, stderr=log, text=True)
        log.close()

    def wait_ready(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        if not self.process.stdout.readline().startswith("ready"):
            raise DemoError(f"{self.name} did not start: {(self.place.folder / 'log').read_text()[-500:]}")

    def policies(self) -> str:
        """Which policies count now, as the Region's metrics name them."""
        with urlopen(f"http://{HOST}:{self.place.admin_port}/metrics", timeout=5) as page:
            lines: list[str] = page.read().decode().splitlines()
        return next(line for line in lines if line.startswith("meridian_policy_set_info"))

    def stop(self) -> int:
        """End the process, whatever became of it; the answer is its exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def run(self, *arguments: str, caller: str = "developer", expect: int = 0, shown: bool = True) -> str:
        """Run a command as a caller of this deployment, show it and its answer, and check how it ended."""
        clients = self.root / "clients"
        environment = os.environ | {
            "MERIDIAN_ENDPOINT": f"{HOST}:{self.place.grpc_port}",
            "MERIDIAN_CA": str(self.root / "client-ca.crt"),
            "MERIDIAN_CERTIFICATE": str(clients / f"{caller}.crt"),
            "MERIDIAN_PRIVATE_KEY": str(clients / f"{caller}.key"),
        }
        print(f"  {caller}@{self.name} $ meridian {shlex.join(arguments)}", flush=True)
        try:
            done = subprocess.run(
                [str(MERIDIAN), *arguments], capture_output=True, text=True, env=environment, timeout=COMMAND_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as late:
            raise DemoError(f"meridian {arguments[0]} did not end within {COMMAND_SECONDS} s") from late
        for line in (done.stdout + done.stderr).strip().splitlines()[:LINES] if shown else ():
            print(f"    {line}")
        if done.returncode != expect:
            raise DemoError(f"meridian {arguments[0]} ended with {done.returncode}, not {expect}: {done.stderr}")
        return done.stdout.strip()

    def audit_of(self, operation: str) -> list[dict[str, object]]:
        """Audit records of an operation."""
        records = [json.loads(line) for path in segments_in(self.place.folder / "audit", "*") for line in lines_of(path)]
        return [record for record in records if record.get("eventName") == operation]


class Demo:
    """One run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.kms, self.manager = Side("kms", root), Side("manager", root)

    def start(self) -> None:
        """The manager serves the XKS proxy API under its name; the KMS is told where that name is dialled."""
        now, port = datetime.now(UTC), free_port()
        authority = new_authority("authority of the manager", now)
        leaf = new_leaf(authority, NAME, now, dns_names=[NAME])
        roots, certificate, key = (self.root / name for name in ("roots.pem", "xks.crt", "xks.key"))
        for path, data in ((roots, authority.certificate), (certificate, leaf.certificate), (key, leaf.private_key)):
            path.touch(0o600)
            path.write_bytes(data)
        tls = f'[xks.tls]\ncertificate = "{certificate}"\nprivate_key = "{key}"\n'
        self.manager.set("", f'[xks]\nlisten = "{HOST}:{port}"\n\n{tls}')
        trusted = f'trusted_roots = "{roots}"\nnetworks = ["127.0.0.1/32"]\nhosts = {{ "{NAME}" = "{HOST}:{port}" }}'
        self.kms.set("limits.key_store_attempt_seconds = 2.0", f"[key_store_proxies]\n{trusted}\n")
        for side in (self.manager, self.kms):
            side.begin()
        for side in (self.manager, self.kms):
            side.wait_ready()

    def tell(self) -> None:
        """The story."""
        kms, manager = self.kms, self.manager
        say("1. The manager makes a key, and exports it to another KMS under a URI path of its own")
        external = manager.run("kms", "create-key", "--field", "KeyMetadata.Arn", caller="alice")
        allow = ("--allow", "encrypt", "--allow", "decrypt")
        place = ("--config", str(manager.place.settings))
        export = json.loads(manager.run("xks", "export", external, "--prefix", PREFIX, "--id", XKS_KEY, *allow, *place, shown=False))
        given = export["XksProxyAuthenticationCredential"]
        credential = self.root / "credential.json"
        credential.touch(0o600)
        credential.write_text(json.dumps(given))
        print(f"    {export['XksProxyUriPath']}, access key id {given['AccessKeyId']}, and a secret that is shown this once")

        say("2. A policy of the manager's account lets the export be served; without one nothing is")
        policy = self.root / "manager" / "policies" / "exports.cedar"
        service = f'KMS::Service::"111122223333/xks-export/{XKS_KEY}"'
        named = f'KMS::Key::"111122223333/{manager.place.region}/{external.rpartition("/")[2]}"'
        text = f'permit (principal == {service}, action in KMS::Action::"ServeExternalKey", resource == {named});'
        before = manager.policies()
        policy.write_text(f'@id("account.111122223333.xks") @layer("account") @reason("exports are served")\n{text}\n')
        print(f"    {text}")
        until = time.monotonic() + WAIT_SECONDS
        while manager.policies() == before:
            if time.monotonic() > until:
                raise DemoError("the manager's Region has not read the policy")
            time.sleep(0.2)

        say("3. The KMS makes a key store of it, connects it, and makes a key whose second lock is the manager's key")
        path = export["XksProxyUriPath"]
        proxy = ("--xks-proxy-uri-endpoint", f"https://{NAME}", "--xks-proxy-uri-path", path)
        way = ("--xks-proxy-connectivity", "PUBLIC_ENDPOINT", "--xks-proxy-authentication-credential", f"@{credential}")
        kind = ("--custom-key-store-name", "payments", "--custom-key-store-type", "EXTERNAL_KEY_STORE")
        store = kms.run("kms", "create-custom-key-store", *kind, *proxy, *way, "--field", "CustomKeyStoreId")
        self.connect(store)
        made = ("--origin", "EXTERNAL_KEY_STORE", "--custom-key-store-id", store, "--xks-key-id", XKS_KEY)
        key = kms.run("kms", "create-key", *made, "--field", "KeyMetadata.Arn")

        say("4. Encrypt: first with material of the KMS, then by the manager; opening needs both")
        message, sealed = self.root / "message", self.root / "message.sealed"
        message.write_text("meet me in Frankfurt\n")
        kms.run("kms", "encrypt", "--key-id", key, "--plaintext", str(message), "--field", "CiphertextBlob", "--out", str(sealed))
        opened = ("kms", "decrypt", "--ciphertext-blob", str(sealed), "--field", "Plaintext")
        self.require(kms.run(*opened) == message.read_text().strip(), "the message, through both locks")

        say("5. The manager disables its key: the data is closed at once, and the KMS can do nothing about it")
        manager.run("kms", "disable-key", "--key-id", external, caller="alice")
        kms.run(*opened, expect=STATE_CODE)
        kms.run("kms", "describe-key", "--key-id", key, "--xks")
        manager.run("kms", "enable-key", "--key-id", external, caller="alice")
        self.require(kms.run(*opened) == message.read_text().strip(), "open again")

        say("6. The KMS disconnects the store: the key is Unavailable, and nothing is sent to the manager")
        kms.run("kms", "disconnect-custom-key-store", "--custom-key-store-id", store)
        kms.run(*opened, expect=STATE_CODE)
        self.wait_for(store, "DISCONNECTED")
        self.connect(store)
        self.require(kms.run(*opened) == message.read_text().strip(), "what is old opens after it is connected again")

        say("7. Both audit logs tell the same call: who asked here, and what was asked there")
        here, there = kms.audit_of("Decrypt")[-1], manager.audit_of("XksDecrypt")[-1]
        claims = there["requestParameters"]["unverifiedClaims"]  # type: ignore[index]  # a record is JSON
        print(f"    kms:     requestID {here['requestID']}, by {here['userIdentity']['arn']}")  # type: ignore[index]  # a record is JSON
        print(f"    manager: kmsRequestId {claims['kmsRequestId']}, who says {claims['awsPrincipalArn']}")
        self.require(claims["kmsRequestId"] == here["requestID"], "the same id in both")
        for side in (kms, manager):
            side.run("audit", "verify", str(side.place.folder / "audit"))

    def connect(self, store: str) -> None:
        self.kms.run("kms", "connect-custom-key-store", "--custom-key-store-id", store)
        self.wait_for(store, "CONNECTED")

    def wait_for(self, store: str, state: str) -> None:
        until = time.monotonic() + WAIT_SECONDS
        asked = ("kms", "describe-custom-key-stores", "--custom-key-store-id", store)
        while json.loads(self.kms.run(*asked, shown=False))["CustomKeyStores"][0]["ConnectionState"] != state:
            if time.monotonic() > until:
                raise DemoError(f"the key store did not become {state}")
        print(f"    {state}")

    def require(self, holds: bool, text: str) -> None:
        if not holds:
            raise DemoError(f"not so: {text}")
        print(f"    {text}")


def main() -> int:
    """Run the story; the answer is the exit code."""
    with tempfile.TemporaryDirectory(prefix="meridian-demo-xks-") as folder:
        say("0. Two deployments that know nothing of each other: the KMS, and the external key manager")
        demo = Demo(Path(folder))
        try:
            demo.start()
            demo.tell()
        except DemoError as fault:
            print(f"\nFAILED: {fault}")
            return 1
        finally:
            codes = [side.stop() for side in (demo.kms, demo.manager)]
        if any(codes):
            print(f"\nFAILED: the Regions ended with {codes}")
            return 1
    say("Everything was as told.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
