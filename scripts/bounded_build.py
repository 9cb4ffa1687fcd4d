"""Runs what compiles, to its end or to the end of the time; the compilers that it started end with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy_objects import ToolFault

ERROR_CHARACTERS_MAX: Final = 1500
END_SECONDS: Final = 15.0
"""For compilers to remove their temporary files."""


def build(name: str, command: Sequence[str | Path], folder: Path, until: float) -> None:
    """`until` as `time.monotonic` counts. Go takes no other toolchain than the machine's. Raises: ToolFault."""
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": ""}
    process = subprocess.Popen(
        ["nice", "-n", "10", *command],  # noqa: S607 - wherever the machine has it
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, error = process.communicate(timeout=max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        for number in (signal.SIGTERM, signal.SIGKILL):
            os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=END_SECONDS)
                break
        raise ToolFault(f"{name} was not built within the time given; what was compiled is kept, and another run goes on") from None
    if process.returncode != 0:
        raise ToolFault(f"{Path(command[0]).name} of {name}: {error.strip()[-ERROR_CHARACTERS_MAX:]}")
