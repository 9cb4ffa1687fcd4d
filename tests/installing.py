"""Clients that are no packages of our own environment: installed for a session, from lock files of their own."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

SECONDS = 60
# What says that a lock file is wrong, not that an index is out of reach.
OUR_FAULT = ("EUSAGE", "EINTEGRITY", "Hash mismatch", "--require-hashes")


def install(name: str, command: Sequence[str | Path], folder: Path) -> None:
    """Runs an installer; skips the test where it is absent or its index cannot be reached."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    except FileNotFoundError:
        pytest.skip(f"{name}: {Path(command[0]).name} is not there to install it")
    except subprocess.TimeoutExpired:
        pytest.skip(f"{name} was not installed in {SECONDS} seconds")
    if done.returncode != 0:
        assert not any(sign in done.stderr for sign in OUR_FAULT), done.stderr
        pytest.skip(f"{name} cannot be installed: {' '.join(done.stderr.split())[-300:]}")
