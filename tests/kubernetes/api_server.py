"""The API server's own encryption of what it stores, as a process that is told what to do line by line: `envelope/main.go`."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).with_name("envelope")
BUILD_SECONDS = 840
"""With nothing built before, on a busy machine."""
OUR_FAULT = ("main.go:", "checksum mismatch", "missing go.sum entry", "updates to go.mod needed", "SECURITY ERROR")
"""What says that the program or its lock file is wrong, not that modules are out of reach."""
PROVIDER = "meridian"
STORED_AS = f"k8s:enc:kms:v2:{PROVIDER}:".encode()


def build(folder: Path) -> Path:
    """The program. Skips the test where Go is absent or modules cannot be reached; what was built before is not built again."""
    if shutil.which("go") is None:
        pytest.skip("go, which builds the API server's envelope code, is not there")
    program = folder / "envelope"
    here = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false", "GOMAXPROCS": "1", "GOTOOLCHAIN": "local"}
    command = ["nice", "-n", "15", "go", "build", "-p=1", "-o", str(program), "."]
    try:
        done = subprocess.run(command, cwd=SOURCE, env=here, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"the API server's envelope code was not built in {BUILD_SECONDS} seconds")
    if done.returncode != 0:
        assert not any(sign in done.stderr for sign in OUR_FAULT), done.stderr
        pytest.skip(f"the API server's envelope code cannot be built: {' '.join(done.stderr.split())[-300:]}")
    return program


class StorageError(Exception):
    """What the API server said."""


class ApiServer:
    """One API server, as far as secrets in etcd go."""

    def __init__(self, program: Path, socket: Path, folder: Path) -> None:
        self._socket = f"unix://{socket}"
        self._config = folder / "encryption.yaml"
        provider = {"apiVersion": "v2", "name": PROVIDER, "endpoint": self._socket, "timeout": "3s"}
        resources = [{"resources": ["secrets"], "providers": [{"kms": provider}, {"identity": {}}]}]
        self._config.write_text(
            json.dumps({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration", "resources": resources})
        )
        log = (folder / "apiserver.log").open("ab")
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        log.close()

    def start(self) -> None:
        """As a process that has just started: it knows no seed any more."""
        self.do("start", config=str(self._config), name=PROVIDER, socket=self._socket)

    def do(self, what: str, data: bytes = b"", **more: object) -> dict[str, Any]:
        """Raises: StorageError."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, "data": base64.b64encode(data).decode(), **more}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise StorageError(answer["error"])
        return {**answer, "data": base64.b64decode(answer.get("data") or "")}

    def write(self, path: str, data: bytes) -> bytes:
        """What is stored under this path of etcd."""
        stored: bytes = self.do("write", data, path=path)["data"]
        return stored

    def read(self, path: str, stored: bytes) -> tuple[bytes, bool]:
        """What was written, and whether it is stale."""
        answer = self.do("read", stored, path=path)
        return answer["data"], answer["stale"]

    def is_healthy(self) -> bool:
        """As the API server's health endpoint says; it asks the plug-in at most each 20 s, after a failure each 3 s."""
        try:
            self.do("healthz")
        except StorageError:
            return False
        return True

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()
