"""A development deployment that is killed leaves no Region behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.ports import free_ports


def is_there(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.deep
def test_a_killed_deployment_takes_its_regions_with_it(tmp_path: Path) -> None:
    first = free_ports(4)
    command = [sys.executable, "-m", "meridian", "dev", "--data", str(tmp_path), "--grpc-port", str(first), "--admin-port", str(first + 2)]
    dev = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert dev.stdout is not None
        assert any(line.startswith("ready") for line in dev.stdout)
        pids = [int((tmp_path / region / "pid").read_text()) for region in ("us-east-1", "eu-west-1")]
        assert all(is_there(pid) for pid in pids)
    finally:
        dev.send_signal(signal.SIGKILL)
        dev.wait(10)
    until = time.monotonic() + 30
    while any(is_there(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.1)
    left = [pid for pid in pids if is_there(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []
    for region in ("us-east-1", "eu-west-1"):
        [stream] = (tmp_path / region / "audit").glob("*.jsonl")
        last = json.loads(stream.read_text().splitlines()[-1])
        assert last["eventName"] == "StreamClose", "its Regions are asked to end, and end in order"
