"""A Region that a preloaded process starts is one that its command starts: the tests of every other file stand on it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests import preloaded
from tests.deployment import HOME, Deployment
from tests.preloaded import ForkedProcess, Preloaded

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every Region is started by its command")


def test_it_serves_and_ends_as_one_that_its_command_started(own_regions: Deployment) -> None:
    own_regions.start(HOME)
    first = own_regions.processes[HOME]
    assert isinstance(first, ForkedProcess)
    with own_regions.client() as client:
        key = client.create_key().key_metadata.key_id
    assert own_regions.stop(HOME) == 0
    own_regions.start(HOME, environment={"ANY": "thing"})
    assert isinstance(own_regions.processes[HOME], subprocess.Popen), "what has another environment may read it as it starts"
    with own_regions.client() as client:
        assert client.describe_key(key_id=key).key_metadata.key_id == key
    assert own_regions.stop(HOME) == 0


def test_it_has_the_limits_and_the_processors_of_the_test_that_starts_it(own_regions: Deployment) -> None:
    preloaded.preloaded()  # is there before
    (soft, hard), processors = resource.getrlimit(resource.RLIMIT_NOFILE), os.sched_getaffinity(0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (700, hard))
    os.sched_setaffinity(0, {max(processors)})
    try:
        own_regions.start(HOME)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.sched_setaffinity(0, processors)
    assert os.sched_getaffinity(own_regions.processes[HOME].pid) == {max(processors)}
    assert '"was": 700' in (own_regions.place(HOME).folder / "log").read_text()


def test_its_code_its_output_and_its_errors_are_told_as_those_of_a_command(tmp_path: Path) -> None:
    command = ["serve", "--config", str(tmp_path / "absent.toml")]
    done = subprocess.run([sys.executable, "-m", "meridian", *command], capture_output=True, check=False, timeout=60)
    with (tmp_path / "log").open("ab") as log:
        process = preloaded.started(command, log, {})
    assert process.stdout is not None
    with process.stdout as output:
        assert (process.wait(60), output.read(), (tmp_path / "log").read_bytes()) == (done.returncode, done.stdout, done.stderr)
    assert done.returncode != 0
    assert b"absent.toml" in done.stderr


def test_it_is_killed_as_any_process_and_goes_with_the_tests(tmp_path: Path) -> None:
    parent = Preloaded()
    with (tmp_path / "log").open("ab") as log:
        killed, left = (parent.start(["serve", "--config", "/dev/stdin"], log.fileno()) for _ in range(2))
        for each in (killed, left):
            os.kill(each.pid, signal.SIGSTOP)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            killed.wait(0.01)
        killed.kill()
        assert (killed.wait(60), killed.poll()) == (-signal.SIGKILL, -signal.SIGKILL)
    finally:
        parent.end()
        for each in (killed, left):
            assert each.stdout is not None
            each.stdout.close()
    assert not Path(f"/proc/{left.pid}").exists()
