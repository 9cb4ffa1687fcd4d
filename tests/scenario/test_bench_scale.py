"""The script behind `make bench-scale` runs, on two sizes so small that they say nothing of cost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.deep

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(240)
def test_every_row_has_a_figure_for_each_size() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "bench_scale.py"), "--database", "sqlite", "--keys", "200", "400"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=220)
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    assert rows[0][1:3] == ["200 keys", "400 keys"]
    for name, small, large, ratio, *_ in rows[1:]:
        if "cached key" not in name:  # so few keys may find room that the process has already
            assert min(float(small), float(large), float(ratio)) > 0
    told = " ".join(row[0] for row in rows)
    for part in (
        "start to ready",
        "memory",
        "ListKeys",
        "DescribeKey of a cold key",
        "by the alias",
        "under a cold key",
        "under a warm key",
        "per cached key",
    ):
        assert part in told
