"""Files as callers name them."""

from __future__ import annotations

import os
from pathlib import Path


def path_of(field: str, given: object) -> Path:
    """Raises: TypeError that says which field holds something else."""
    if isinstance(given, str | os.PathLike):
        return Path(given)
    raise TypeError(f"{field}: give a path, as a str or a Path, not {type(given).__name__}")
