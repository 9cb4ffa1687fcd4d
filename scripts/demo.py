"""The main job, told step by step with real processes and real commands. Ends non-zero if any answer is not what it should be."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from meridian.audit.segments import lines_of, segments_in
from meridian.cli.dev import FRONTS
from meridian.cli.dev_folder import free_port
from meridian.cli.region_place import HOST

HOME, AWAY, ELSEWHERE = "us-east-1", "eu-west-1", "ap-south-1"
COMMAND_SECONDS, STOP_SECONDS = 60, 30
MERIDIAN = Path(sys.executable).with_name("meridian")


class DemoError(Exception):
    """An answer differs from what was told."""


BEGAN = time.monotonic()


def say(text: str) -> None:
    """A step of the story, with the seconds since its begin."""
    line = f"▍{text} [{time.monotonic() - BEGAN:.0f} s]"
    print(f"\n\033[1m{line}\033[0m" if sys.stdout.isatty() else f"\n{line}", flush=True)


def free_ports() -> tuple[int, int]:
    """Two runs of two ports that nobody listens on."""
    found: list[int] = []
    while len(found) < 2:
        first = free_port()
        with socket.socket() as second, contextlib.suppress(OSError):
            second.bind((HOST, first + 1))
            found.append(first)
    return found[0], found[1]


class Demo:
    """One run."""

    def __init__(self, root: Path, front: str) -> None:
        """`front`: what answers callers, grpcio or envoy."""
        self.root = root
        self.front = front
        self.data = root / "regions"
        self.environment = dict(os.environ)
        self.process: subprocess.Popen[str] | None = None

    def run(self, *arguments: str, caller: str = "alice", region: str = HOME, expect: int = 0) -> str:
        """Run a command as a caller against a Region, show it and its answer, and check how it ended."""
        clients = self.data / "clients"
        environment = self.environment | {
            "MERIDIAN_ENDPOINT": self.environment[f"MERIDIAN_ENDPOINT_{region.upper().replace('-', '_')}"],
            "MERIDIAN_CERTIFICATE": str(clients / f"{caller}.crt"),
            "MERIDIAN_PRIVATE_KEY": str(clients / f"{caller}.key"),
        }
        print(f"  {caller}@{region} $ meridian {shlex.join(arguments)}", flush=True)
        command = [str(MERIDIAN), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=COMMAND_SECONDS, check=False)
        except subprocess.TimeoutExpired as late:
            raise DemoError(f"meridian {arguments[0]} did not end within {COMMAND_SECONDS} s") from late
        for line in (done.stdout + done.stderr).strip().splitlines()[:14]:
            print(f"    {line}")
        if done.returncode != expect:
            raise DemoError(f"meridian {arguments[0]} ended with {done.returncode}, not {expect}")
        return done.stdout.strip()

    def start(self) -> None:
        """Two Regions on loopback; `meridian dev` itself gives up when they move no more."""
        grpc_port, admin_port = free_ports()
        command = ["dev", "--data", str(self.data), "--front", self.front, "--grpc-port", str(grpc_port), "--admin-port", str(admin_port)]
        print("  (the long step: ten seconds, half a minute or more on a busy machine)")
        print(f"  $ meridian {shlex.join(command)}", flush=True)
        self.process = subprocess.Popen([str(MERIDIAN), *command], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            print(f"    {line}", end="")
            if line.startswith("ready"):
                break
        else:
            raise DemoError("the Regions did not start")
        for line in (self.data / "env").read_text().splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            self.environment[name] = value.strip("'")

    def stop(self) -> int:
        """End what was started, whatever became of it; the answer is its exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def audit_of(self, region: str, operation: str) -> list[dict[str, object]]:
        """Audit records of an operation in a Region."""
        files = segments_in(self.data / region / "audit", "*")
        records = [json.loads(line) for path in files for line in lines_of(path)]
        return [record for record in records if record.get("eventName") == operation]

    def tell(self) -> None:
        """The story."""
        say(f"1. Create a multi-Region key in {HOME}, bound to the European Union by its residency tag")
        key = self.run("kms", "create-key", "--multi-region", "--tags", "residency=EU", "--field", "KeyMetadata.KeyId")

        say(f"2. A guardrail refuses to replicate it to {ELSEWHERE}, outside that label")
        self.run("kms", "replicate-key", "--key-id", key, "--replica-region", ELSEWHERE, expect=4)
        decisions = self.audit_of(HOME, "ReplicateKey")[-1]["meridian"]["decisions"]  # type: ignore[index]  # a record is JSON
        print(f"    the audit record names the policy: {decisions[0]['policyIds']}")
        if decisions[0]["policyIds"] != ["guardrail.residency"]:
            raise DemoError("another policy refused")

        say(f"3. Replicate it to {AWAY}: both Regions decide, then the sealed material crosses")
        self.run("kms", "replicate-key", "--key-id", key, "--replica-region", AWAY, "--field", "ReplicaKeyMetadata.Arn")
        self.wait_enabled(key)

        say(f"4. Encrypt a real file in {HOME} under a data key, and decrypt it in {AWAY}")
        source, sealed, opened = Path(sys.executable).resolve(), self.root / "file.sealed", self.root / "file.opened"
        context = ("--encryption-context", "tenant=a")
        self.run("envelope", "encrypt", str(source), str(sealed), "--key-id", key, *context, caller="app")
        self.run("envelope", "decrypt", str(sealed), str(opened), *context, caller="app", region=AWAY)
        self.require(opened.read_bytes() == source.read_bytes(), f"{source.stat().st_size} bytes, equal after the journey")

        say("5. Another encryption context does not open it")
        other = ("--encryption-context", "tenant=b")
        self.run("envelope", "decrypt", str(sealed), str(opened), *other, caller="app", region=AWAY, expect=1)

        say("6. A single-Region key cannot open it either: a ciphertext is bound to its key")
        single = self.run("kms", "create-key", "--field", "KeyMetadata.KeyId")
        message, blob = self.root / "message", self.root / "message.sealed"
        message.write_text("meet me in Dublin\n")
        encrypt = ("kms", "encrypt", "--key-id", key, "--plaintext", str(message), "--field", "CiphertextBlob", "--out", str(blob))
        self.run(*encrypt, caller="app")
        self.run("kms", "decrypt", "--ciphertext-blob", str(blob), "--key-id", single, caller="app", expect=1)

        say(f"7. Stop {HOME}; {AWAY} needs nobody to decrypt")
        os.kill(int((self.data / HOME / "pid").read_text()), signal.SIGTERM)
        self.wait_stopped()
        self.run("envelope", "decrypt", str(sealed), str(opened), *context, caller="app", region=AWAY)
        self.require(opened.read_bytes() == source.read_bytes(), "bytes equal again")

        say("8. Verify the audit streams of both Regions")
        self.run("audit", "verify", str(self.data / HOME / "audit"), str(self.data / AWAY / "audit"))

    def require(self, holds: bool, text: str) -> None:
        if not holds:
            raise DemoError(f"not so: {text}")
        print(f"    {text}")

    def wait_enabled(self, key: str) -> None:
        until = time.monotonic() + 30
        while self.run("kms", "describe-key", "--key-id", key, "--field", "KeyMetadata.KeyState", region=AWAY) != "Enabled":
            if time.monotonic() > until:
                raise DemoError("the replica did not become Enabled")
            time.sleep(0.3)

    def wait_stopped(self) -> None:
        pid = int((self.data / HOME / "pid").read_text())
        until = time.monotonic() + 15
        while time.monotonic() < until:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.1)
        raise DemoError(f"{HOME} did not stop")


def main() -> int:
    """Run the story; the answer is the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--front", choices=FRONTS, default=FRONTS[0], help="what answers callers")
    front = parser.parse_args().front
    with tempfile.TemporaryDirectory(prefix="meridian-demo-") as folder:
        demo = Demo(Path(folder), front)
        say("0. Two Regions on this machine: two processes, two databases, two root keys, one certificate authority each way")
        try:
            demo.start()
            demo.tell()
        except DemoError as fault:
            print(f"\nFAILED: {fault}")
            return 1
        finally:
            code = demo.stop()
        if code != 0:
            print(f"\nFAILED: meridian dev ended with {code}")
            return 1
    say("Everything was as told.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
