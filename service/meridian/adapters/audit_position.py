"""How far a sink has come with the log, in a file beside it, so that the next start goes on there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import orjson

from meridian.fresh_file import open_fresh

BYTES_MAX: Final = 4096


class PositionFile:
    """0600, and always whole. `is_synced` says whether it is to survive a power cut, too."""

    def __init__(self, path: Path, *, is_synced: bool) -> None:
        self._path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._is_synced = is_synced

    def load(self) -> Mapping[str, str | int] | None:
        """What was saved last; None where nothing was, and nothing in it where that cannot be read."""
        try:
            with self._path.open("rb") as file:
                said = orjson.loads(file.read(BYTES_MAX))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return {}
        fields = said if isinstance(said, dict) else {}
        return {name: value for name, value in fields.items() if isinstance(value, str | int)}

    def save(self, fields: Mapping[str, str | int]) -> None:
        """Raises: OSError; then what was saved before still counts."""
        with os.fdopen(open_fresh(self._partial), "wb") as file:
            file.write(orjson.dumps(dict(fields)))
            file.flush()
            if self._is_synced:
                os.fsync(file.fileno())
        self._partial.replace(self._path)
        if self._is_synced:
            _sync(self._path.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
