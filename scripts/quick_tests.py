"""The quick tests of every room, on two cores. For `make unit`.

What they write is kept in memory where there is room for that, so that no test waits for a disk, and is gone when they end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of one's own is made in it
ROOM_BYTES: Final = 2 << 30
"""More than they write; a container may have little of it."""
COMMAND: Final = (
    *(sys.executable, "-m", "pytest", "-q", "-n", "3", "--dist", "loadfile", "--no-loadscope-reorder"),
    *("-m", "not deep and not thorough", "tests/unit", "tests/vectors", "tests/property"),
)


def folder_in_memory() -> str | None:
    """Where files take no time; None where there is not enough room."""
    try:
        return str(MEMORY) if shutil.disk_usage(MEMORY).free >= ROOM_BYTES and os.access(MEMORY, os.W_OK) else None
    except OSError:
        return None


def main(more: list[str]) -> int:
    """What pytest ends with. `more`: options of it."""
    with tempfile.TemporaryDirectory(prefix="meridian-quick-", dir=folder_in_memory()) as folder:
        return subprocess.run([*COMMAND, *more], env={**os.environ, "TMPDIR": folder}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
