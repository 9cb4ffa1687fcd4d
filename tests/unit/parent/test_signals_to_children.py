"""A signal to a child takes its exit code from nobody, at whatever moment it comes."""

from __future__ import annotations

import ast
import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import meridian
from meridian.child_signals import send

SERVICE = Path(meridian.__file__).parent
METHODS = {"send_signal", "terminate", "kill"}


async def child() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")


@pytest.mark.asyncio
async def test_whoever_waits_hears_how_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    process = await child()
    looked: list[object] = []
    monkeypatch.setattr(subprocess.Popen, "poll", looked.append)
    send(process, signal.SIGTERM)
    assert looked == [], "whoever looks may be the one who takes the code"
    assert await asyncio.wait_for(process.wait(), 30) == -signal.SIGTERM
    send(process, signal.SIGTERM)  # it is gone, and that is nothing


def test_no_child_of_a_loop_is_given_a_signal_in_another_way() -> None:
    found = []
    for path in SERVICE.rglob("*.py"):
        text = path.read_text()
        if "create_subprocess_exec" in text:
            calls = [n.func for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
            found += [f"{path.name}: {ast.unparse(call)}" for call in calls if call.attr in METHODS]
    assert found == []
