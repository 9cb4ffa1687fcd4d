"""What keeps the memory of a process that holds keys from others."""

from __future__ import annotations

import ctypes
import resource
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4


def protect_memory() -> None:
    """No core file and no debugger of another process may read keys from this one."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(PR_SET_DUMPABLE, 0)


def end_with_parent() -> None:
    """Be killed when the thread that started this process ends, however it ends."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def be_asked_to_end_with_parent() -> None:
    """Get SIGTERM when the thread that started this process ends, however it ends."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
