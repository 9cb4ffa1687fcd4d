"""`make kubernetes` says which program it could not build, and why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from deploy_objects import ROOT
from kubernetes_programs import MODULE, RELEASE

PROGRAM = ROOT / "scripts" / "kubernetes_programs.py"


def built_within(seconds: str, path: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": path}
    return subprocess.run([sys.executable, PROGRAM, seconds], env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_version_that_the_api_server_states_is_that_of_its_module() -> None:
    assert f"\tk8s.io/kubernetes {RELEASE}\n" in (MODULE / "go.mod").read_text()


def test_without_go_it_says_so() -> None:
    done = built_within("60", "/nowhere")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "kubernetes: go is absent: etcd was not built\n")


def test_at_the_end_of_the_time_it_says_what_is_missing() -> None:
    if shutil.which("go") is None:
        pytest.skip("go is absent")
    done = built_within("0", os.environ["PATH"])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("kubernetes: etcd was not built within the time given")
