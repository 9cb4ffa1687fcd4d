"""Programs that `make ecosystem` has brought: found, run to their end, or as servers that live as long as a test needs them."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from ecosystem_pins import PROGRAMS, is_current
from ecosystem_programs import command

SECONDS, STOP_SECONDS = 120, 20
KEPT = ("PATH", "LANG", "TMPDIR")
"""Of the caller's environment; neither proxies nor credentials, nor files of his home."""

Command = Sequence[str | Path]


def program(name: str) -> list[str | Path]:
    """What runs it; skips the test where it was not brought, or from other pins."""
    source = PROGRAMS[name].source
    if not is_current(name, source):  # type: ignore[arg-type] # the others are no programs, and have no tests here
        pytest.skip(f"{PROGRAMS[name].title} {source.version} is not there: make ecosystem")
    return command(name)


def variables(home: Path, **given: str) -> dict[str, str]:
    """An environment of a program's own."""
    return {**{name: os.environ[name] for name in KEPT if name in os.environ}, "HOME": str(home), **given}


def run(line: Command, environment: Mapping[str, str], *, text: str = "") -> subprocess.CompletedProcess[str]:
    """To its end, whatever that is."""
    return subprocess.run(line, env=environment, input=text, capture_output=True, text=True, timeout=SECONDS, check=False)


def told(line: Command, environment: Mapping[str, str], *, text: str = "") -> str:
    """What it writes, where it ends well."""
    done = run(line, environment, text=text)
    assert done.returncode == 0, f"{done.stdout[-2000:]}{done.stderr[:3000]}"
    return done.stdout


@contextlib.contextmanager
def serving(line: Command, log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A server, until the test is done with it. What it writes is added to `log`."""
    with log.open("ab") as output:
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
