"""The start of a Region, step by step, and what it does without."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.deployment import HOME, Deployment

from meridian.bootstrap.start_steps import EVENT, Step

ROOT = Path(__file__).resolve().parents[2]
UNNEEDED = (
    "alembic", "asyncpg", "mako", "grpc_reflection.v1alpha", "uvloop", "jinja2", "yaml", "multiprocessing.pool", "meridian.client",
    "meridian.policy_kit.replay", "meridian.policy_kit.prove", "meridian.policy_kit.cores", "meridian.policy_kit.trial", "rich",
    "sqlalchemy.orm", "joserfc", "cedarpy.pst", "colorama", "email.message", "email.utils", "html", "http.client", "http.server",
    "importlib.metadata", "google.protobuf.internal.python_message", "google.protobuf.text_format", "urllib.request", "wsgiref",
    "xml.sax", "zipfile",
)  # fmt: skip
"""What other commands need, or what only some Regions have."""


def started(deployment: Deployment, *more: str) -> list[dict[str, Any]]:
    """The lines of the log up to readiness."""
    command = [sys.executable, "-m", "meridian", "serve", "--config", str(deployment.place(HOME).settings), "--allow-file-seal", *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first = process.stdout.readline()
    process.terminate()
    _, log = process.communicate(timeout=30)
    assert first.startswith("ready"), log
    return [json.loads(line) for line in log.splitlines()]


@pytest.mark.timeout(120)
def test_serve_tells_each_step_of_its_start_where_it_is_asked_to(tmp_path: Path) -> None:
    """`meridian serve` with -v and --verbose."""
    deployment = Deployment(tmp_path / "d", [HOME]).prepare()
    for option in ("-v", "--verbose"):
        steps = [line for line in started(deployment, option) if line["event"] == EVENT]
        assert [step["step"] for step in steps] == list(Step)
        whole = 0.0
        for step in steps:
            assert min(step["milliseconds"], step["cpu_milliseconds"]) >= 0
            whole += step["milliseconds"]
            assert step["since_begin_milliseconds"] == pytest.approx(whole, abs=len(Step))
        cpu = sum(step["cpu_milliseconds"] for step in steps)
        assert 0 < cpu < 2 * whole, "of this process, since its beginning"
    assert [line for line in started(deployment) if line["event"] == EVENT] == []


def test_the_guide_for_operators_has_every_step_in_its_order() -> None:
    table = (ROOT / "docs" / "operate.md").read_text().split("\n| step |", 1)[1].split("\n\n", 1)[0]
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == list(Step)


def test_a_start_waits_for_nothing_that_serving_does_without() -> None:
    code = "import sys, meridian.cli.serving, meridian.bootstrap.region; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    imported = set(done.stdout.split())
    assert {"sqlalchemy", "grpc"} <= imported
    assert imported & set(UNNEEDED) == set()
