"""Every line of the log is JSON, whoever writes it: the service, a library, or asyncio about a task that nobody waits for."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

SAYS = """
import asyncio, gc, logging
import structlog
from meridian.cli.json_log import log_as_json
log_as_json()
structlog.get_logger("own").warning("own line", count=1)
logging.getLogger("library").warning("says %s\\nin two lines", "this")
logging.getLogger("library").info("not told")
async def fails():
    raise ValueError("of a task\\nin two lines" + "x" * 100_000)
async def main():
    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()
asyncio.run(main())
"""


def test_every_line_is_json() -> None:
    ran = subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True, timeout=60, check=True)
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [line["event"].splitlines()[0] for line in lines] == ["own line", "says this", "Task exception was never retrieved"]
    assert [line["level"] for line in lines] == ["warning", "warning", "error"]
    assert all(line["timestamp"] for line in lines)
    assert [line.get("logger") for line in lines[1:]] == ["library", "asyncio"]
    assert (lines[2]["fault"], lines[2]["place"].partition(" ")[2]) == ("ValueError", "in fails")
    assert "of a task" not in ran.stderr, "the text of a fault may show what was sent"


LINES = """
from meridian.cli.json_log import log_with_name
from meridian.log import structlog
log_with_name("replica-1-1")
for number in range(5):
    structlog.get_logger("a").info("said", number=number)
"""


def test_a_line_is_one_write_so_that_those_of_other_processes_come_before_or_after_it() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        subprocess.run([sys.executable, "-c", LINES], stderr=theirs.fileno(), timeout=60, check=True)
        ours.setblocking(False)
        written = [ours.recv(65_536) for _ in range(5)]
    assert [json.loads(each)["number"] for each in written] == list(range(5))
    assert all(each.endswith(b"}\n") for each in written)
