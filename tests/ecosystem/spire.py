"""A SPIRE server whose keys are in a Region."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ecosystem.running import Command, run, serving, told
from tests.ports import free_port

from meridian.cli.region_place import HOST

WAIT_SECONDS = 60
TRUST_DOMAIN = "example.org"
SERVER_ID = "one"
SETTINGS = """
server {{
  bind_address = "{host}"
  bind_port = "{port}"
  socket_path = "{socket}"
  trust_domain = "{trust_domain}"
  data_dir = "{folder}/data"
  log_level = "DEBUG"
}}
plugins {{
  DataStore "sql" {{ plugin_data {{ database_type = "sqlite3" connection_string = "{folder}/data.sqlite3" }} }}
  NodeAttestor "join_token" {{ plugin_data {{}} }}
  KeyManager "aws_kms" {{ plugin_data {{ region = "{region}" key_identifier_value = "{server_id}" }} }}
}}
"""


@dataclass
class SpireServer:
    """One server, started and ended as often as a test wants; its data stay."""

    program: Command
    folder: Path
    region: str
    environment: Mapping[str, str]

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def socket(self) -> Path:
        return self.folder / "api.sock"

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Until it says that it is well."""
        settings = self.folder / "server.conf"
        fields = {"host": HOST, "port": free_port(), "socket": self.socket, "folder": self.folder, "region": self.region}
        settings.write_text(SETTINGS.format(trust_domain=TRUST_DOMAIN, server_id=SERVER_ID, **fields))
        with serving([*self.program, "run", "-config", str(settings)], self.log, self.environment) as process:
            until = time.monotonic() + WAIT_SECONDS
            while run(self._line("healthcheck"), self.environment).returncode != 0:
                assert process.poll() is None, self.log.read_text()[-3000:]
                assert time.monotonic() < until, self.log.read_text()[-3000:]
                time.sleep(0.2)
            yield

    def ask(self, *command: str, **options: str) -> Any:
        """What a command of the server answers."""
        given = [part for name, value in options.items() for part in (f"-{name}", value)]
        return json.loads(told(self._line(*command, "-output", "json", *given), self.environment))

    def _line(self, *words: str) -> list[str | Path]:
        at = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
        return [*self.program, *words[:at], "-socketPath", str(self.socket), *words[at:]]
