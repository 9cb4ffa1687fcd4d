"""One Region served by several processes under one parent: what a caller, an operator and an auditor see of them."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.audit_logs import records_in
from tests.deployment import HOME, Deployment

PATIENT = "[audit]\nsink_timeout_seconds = 30\n"
"""A disk that others use, too, is slow at times; what is tested with several processes is not that."""
BACK_SECONDS = 90.0
"""For a process to be started again, on a machine that has more to do."""


@dataclass
class Several:
    """The Region."""

    deployment: Deployment
    processes: int

    def start(self) -> None:
        self.deployment.start(HOME, added=["--processes", str(self.processes)] if self.processes > 1 else [])

    @property
    def parent(self) -> int:
        return self.deployment.processes[HOME].pid

    def directory(self, number: int) -> Path:
        """The audit directory of a process."""
        return self.deployment.place(HOME).folder / "audit" / f"replica-1-{number}"

    def records(self, number: int) -> list[dict[str, Any]]:
        return list(records_in(self.directory(number)))

    def log(self) -> list[dict[str, Any]]:
        """Every line of the log that is whole."""
        found = []
        for line in (self.deployment.place(HOME).folder / "log").read_text().splitlines():
            with suppress(ValueError):
                found.append(json.loads(line))
        return [each for each in found if isinstance(each, dict)]

    def lines(self, event: str) -> list[dict[str, Any]]:
        return [each for each in self.log() if each["event"] == event]

    def pids(self) -> dict[str, int]:
        """Of each process, by its name, as the parent told when it was ready last."""
        return {each["process"]: each["pid"] for each in self.lines("a process is ready")}

    def kill(self, name: str) -> None:
        os.kill(self.pids()[name], signal.SIGKILL)

    def wait_ready(self, processes: int) -> None:
        def are_ready() -> bool:
            return self.deployment.metrics(HOME)['meridian_processes{state="ready"}'] == processes

        self.deployment.wait_until(are_ready, BACK_SECONDS)


def is_there(pid: int) -> bool:
    """Whether a process runs, and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_gone(pids: list[int], seconds: float) -> None:
    until = time.monotonic() + seconds
    while any(map(is_there, pids)):
        assert time.monotonic() < until, f"{[pid for pid in pids if is_there(pid)]} are still there"
        time.sleep(0.05)


def served(root: Path, processes: int, added: str = "", audit: str = "") -> Iterator[Several]:
    """A Region of so many processes that serves, with this added to its settings and to their table of the audit log."""
    several = Several(Deployment(root, [HOME], added).prepare(), processes)
    settings = several.deployment.place(HOME).settings
    settings.write_text(settings.read_text().replace("[audit]\n", f"{PATIENT}{audit}"))
    try:
        several.start()
        yield several
    finally:
        several.deployment.stop_all()
