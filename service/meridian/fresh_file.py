"""Files under names that anybody can know beforehand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

OWNER_ALONE: Final = 0o600


def open_fresh(path: Path) -> int:
    """A descriptor that writes to a new file of mode 0600. What stood there under its name, a link to somewhere else with it, is gone
    and was not touched otherwise. Raises: OSError, also where somebody puts something there again meanwhile.
    """
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, OWNER_ALONE)
