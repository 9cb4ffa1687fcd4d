"""An OpenBao, or a Vault, whose seal is a KMS key, and whose database is a folder."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.ecosystem.running import Command, serving, variables
from tests.ports import free_port

from meridian.cli.region_place import HOST

CALL_SECONDS, WAIT_SECONDS = 10, 60
SETTINGS = """
disable_mlock = true
storage "file" {{
  path = "{folder}/data"
}}
api_addr = "http://{host}:{port}"
listener "tcp" {{
  address = "{host}:{port}"
  tls_disable = true
}}
seal "awskms" {{
  kms_key_id = "{key}"
  region = "{region}"
  endpoint = "{endpoint}"
  {more}
}}
"""


@dataclass(frozen=True, slots=True)
class Seal:
    """The key of a Region that opens a server."""

    key: str
    region: str
    endpoint: str


@dataclass
class SealedServer:
    """One server, started and ended as often as a test wants; its data stay."""

    program: Command
    folder: Path
    access_key: tuple[str, str]
    port: int = field(default_factory=free_port)
    token: str = ""

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @contextlib.contextmanager
    def serving(self, seal: Seal, more: str = "") -> Iterator[subprocess.Popen[bytes]]:
        """With this seal; it answers something by then, or has ended."""
        settings = self.folder / "settings.hcl"
        settings.write_text(SETTINGS.format(folder=self.folder, host=HOST, port=self.port, more=more, **_fields(seal)))
        key_id, secret = self.access_key
        given = variables(self.folder, AWS_ACCESS_KEY_ID=key_id, AWS_SECRET_ACCESS_KEY=secret, AWS_EC2_METADATA_DISABLED="true")
        with serving([*self.program, "server", f"-config={settings}"], self.log, given) as process:
            self._wait(lambda: process.poll() is not None or self.status() is not None)
            yield process

    def status(self) -> dict[str, Any] | None:
        """What it says of its seal; None where it does not answer."""
        with contextlib.suppress(OSError):
            return self.ask("GET", "sys/seal-status")
        return None

    def wait_unsealed(self) -> None:
        """Until it serves by itself: nobody brings a key."""
        self._wait(lambda: self._health() == 200)

    def initialise(self) -> None:
        self.token = self.ask("PUT", "sys/init", recovery_shares=1, recovery_threshold=1)["root_token"]
        self.wait_unsealed()

    def ask(self, method: str, path: str, **fields: Any) -> dict[str, Any]:
        body = json.dumps(fields).encode() if fields else None
        request = urllib.request.Request(f"http://{HOST}:{self.port}/v1/{path}", body, {"X-Vault-Token": self.token}, method=method)
        with urllib.request.urlopen(request, timeout=CALL_SECONDS) as answer:  # noqa: S310 - loopback
            found: dict[str, Any] = json.loads(answer.read() or b"{}")
        return found

    def _health(self) -> int:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}/v1/sys/health", timeout=CALL_SECONDS) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            return 0

    def _wait(self, reached: Any) -> None:
        until = time.monotonic() + WAIT_SECONDS
        while not reached():
            assert time.monotonic() < until, self.log.read_text()[-2000:]
            time.sleep(0.1)


def _fields(seal: Seal) -> dict[str, str]:
    return {"key": seal.key, "region": seal.region, "endpoint": seal.endpoint}
