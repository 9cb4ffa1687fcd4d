"""`meridian serve` without `--processes`: one per core behind Envoy, one behind grpcio."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.deployment import HOME, Deployment

from meridian.bootstrap.cores import cores


@pytest.mark.deep
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("kind", "expected"), [("envoy", cores()), ("grpcio", 1)])
def test_so_many_processes_serve(tmp_path: Path, kind: str, expected: int) -> None:
    deployment = Deployment(tmp_path, [HOME], settings_added=f'front.kind = "{kind}"\n').prepare()
    place = deployment.place(HOME)
    with (place.folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "meridian", "serve", "--config", str(place.settings), "--allow-file-seal"]
        serving = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
    deployment.processes[HOME] = serving
    try:
        assert serving.stdout is not None
        assert serving.stdout.readline() == f"ready {HOME}\n".encode(), (place.folder / "log").read_text()[-2000:]
        wanted = deployment.metrics(HOME).get('meridian_processes{state="wanted"}', 1)
        with deployment.client(HOME, "developer") as client:
            assert client.generate_random(number_of_bytes=8).plaintext
    finally:
        ended = deployment.stop(HOME, signal.SIGTERM)
    assert (wanted, ended) == (expected, 0)
