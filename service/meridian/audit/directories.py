"""Where the audit log of a Region's processes lies: in the directory of the settings, and in folders of it where one parent has several."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from meridian.audit.keys import KEYS_FILE

DIRECTORIES_MAX: Final = 1024


def has_log(directory: Path) -> bool:
    """Whether a process has written its log here."""
    return (directory / KEYS_FILE).is_file()


def log_directories(directory: Path) -> list[Path]:
    """Every directory with a log, in the order of their names after the given one, which counts as one where no other does.

    One that cannot be looked into is answered as it is: whoever reads it finds out why.
    """
    try:
        inner = sorted(path for path in directory.iterdir() if path.is_dir() and has_log(path))[:DIRECTORIES_MAX]
    except OSError:
        return [directory]
    return [directory, *inner] if has_log(directory) or not inner else inner
