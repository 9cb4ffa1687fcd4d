"""`meridian serve --processes`: a process that cannot start, none that can, and a parent that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from tests.deployment import HOME, Deployment
from tests.several import BACK_SECONDS, Several, wait_gone

from meridian.cli.exit_codes import SETUP, USAGE
from meridian.cli.region_place import HOST
from meridian.parent.all_processes import SILENT_SECONDS

END_SECONDS = 30.0


@pytest.fixture(params=["grpcio", pytest.param("envoy", marks=pytest.mark.deep)])
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    """A Region of two processes that does not serve yet."""
    several = Several(Deployment(tmp_path_factory.mktemp("several"), [HOME], f'front.kind = "{request.param}"\n').prepare(), 2)
    try:
        yield several
    finally:
        several.deployment.stop_all()


def serve(several: Several, processes: str = "2") -> subprocess.CompletedProcess[str]:
    settings = several.deployment.place(HOME).settings
    command = [sys.executable, "-m", "meridian", "serve", "--config", str(settings), "--allow-file-seal", "--processes", processes]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def keep_from_starting(several: Several, number: int) -> None:
    path = several.directory(number)
    path.parent.mkdir(exist_ok=True)
    path.write_text("no folder")


def test_where_no_process_can_start_the_command_says_why_and_ends(prepared: Several) -> None:
    for number in (1, 2):
        keep_from_starting(prepared, number)
    done = serve(prepared)
    assert done.returncode == SETUP
    for number in (1, 2):
        assert f"replica-1-{number}: cannot start: audit.directory: " in done.stderr.splitlines()[-1]
    assert "ready" not in done.stdout


def test_settings_that_are_for_one_process_are_refused_by_name(prepared: Several) -> None:
    settings = prepared.deployment.place(HOME).settings
    settings.write_text(settings.read_text().replace("[audit]\n", "[audit]\nstdout = true\n"))
    done = serve(prepared)
    assert done.returncode == SETUP
    assert "audit.stdout: " in done.stderr
    assert not prepared.directory(1).parent.exists(), "nothing is begun"


@pytest.mark.parametrize("processes", ["0", "65", "two"])
def test_a_number_of_processes_that_cannot_be_is_refused(prepared: Several, processes: str) -> None:
    done = serve(prepared, processes)
    assert done.returncode == USAGE
    assert "--processes" in done.stderr


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_a_process_that_cannot_start_is_tried_again_ever_later_while_the_other_serves(prepared: Several) -> None:
    keep_from_starting(prepared, 2)
    prepared.start()
    with prepared.deployment.client(HOME, "developer") as client:
        client.list_keys()
    with urllib.request.urlopen(f"http://{HOST}:{prepared.deployment.place(HOME).admin_port}/readyz", timeout=5) as answer:
        assert answer.status == 200

    def ends() -> list[dict[str, Any]]:
        return prepared.lines("a process has ended")

    prepared.deployment.wait_until(lambda: len(ends()) > 2, BACK_SECONDS)
    pauses = [each["starts_again_in_seconds"] for each in ends()]
    assert {each["process"] for each in ends()} == {"replica-1-2"}
    assert all("audit.directory: " in each["why"] for each in ends())
    assert all(later == 2 * earlier for earlier, later in pairwise(pauses))
    prepared.directory(2).unlink()
    prepared.wait_ready(2)
    silent = prepared.pids()
    for pid in silent.values():
        os.kill(pid, signal.SIGSTOP)
    said = prepared.deployment.wait_until(lambda: unready(prepared))
    assert {line.partition(":")[0] for line in said} == {"replica-1-1", "replica-1-2"}, "each cause with its name"
    os.kill(silent["replica-1-1"], signal.SIGCONT)
    prepared.deployment.wait_until(lambda: not unready(prepared))
    prepared.deployment.wait_until(lambda: prepared.lines("a process does not answer, and is killed"), 2 * SILENT_SECONDS)
    prepared.wait_ready(2)
    assert prepared.pids()["replica-1-1"] == silent["replica-1-1"], "who answers again in time stays"
    pids = list(prepared.pids().values())
    os.kill(prepared.parent, signal.SIGKILL)
    prepared.deployment.wait_dead(HOME)
    wait_gone(pids, END_SECONDS)
    done = prepared.deployment.verify_audit(HOME)
    assert done.stdout.splitlines()[-1].startswith("clean:"), done.stdout + done.stderr


def unready(several: Several) -> list[str]:
    """Why it is not ready, a line each."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{several.deployment.place(HOME).admin_port}/readyz", timeout=5):
            return []
    except urllib.error.HTTPError as refused:
        return refused.read().decode().splitlines()
