"""Signals to child processes that an event loop waits for."""

from __future__ import annotations

import contextlib
import os
from asyncio.subprocess import Process


def send(process: Process, number: int) -> None:
    """Give a child a signal, if it runs.

    The methods of the process look first whether it has ended, and so may take its exit code from the one who waits for it: 255 is
    what he hears then. Source: CPython, `subprocess.Popen.send_signal` and `asyncio.ThreadedChildWatcher`.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
