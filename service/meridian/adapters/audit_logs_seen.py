"""The logs of a Region that this process can look into: its own, those of the processes beside it, and those of other replicas where the
settings say where they lie."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meridian.audit.directories import log_directories
from meridian.domain.replica_name import NAME

LOGS_MAX: Final = 64
"""Those that were written to last; as many as one parent has processes."""


@dataclass(frozen=True, slots=True)
class SeenLogs:
    """Where to look."""

    replica: str
    """The name of this replica, which all processes of one parent share."""
    directory: Path
    """Its `audit.directory`; of processes of one parent the one that theirs lie in."""
    replicas: Path | None
    """A folder with a folder for each replica, in which its `directory` lies."""

    def directories(self) -> dict[str, Path]:
        """Each directory with a log, by a name that every process has for it: at most `LOGS_MAX`. Raises: OSError."""
        found: dict[tuple[int, int], tuple[float, str, Path]] = {}
        for label, path in self._every():
            status = path.stat()
            found.setdefault((status.st_dev, status.st_ino), (status.st_mtime, label, path))
            if len(found) > LOGS_MAX:
                del found[min(found, key=lambda at: found[at][0])]
        return {label: path for _, label, path in sorted(found.values(), key=lambda each: each[1])}

    def _every(self) -> Iterator[tuple[str, Path]]:
        yield from _inside(self.replica, self.directory)
        if self.replicas is None:
            return
        with os.scandir(self.replicas) as entries:
            for entry in entries:
                log = self.replicas / entry.name / self.directory.name
                if NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False) and log.is_dir():
                    yield from _inside(entry.name, log)


def _inside(replica: str, directory: Path) -> Iterator[tuple[str, Path]]:
    for path in log_directories(directory):
        yield f"{replica}/{path.relative_to(directory)}", path
