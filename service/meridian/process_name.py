"""The name of a process in a file of its own, as Kubernetes can write the name of a pod."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from meridian.domain.replica_name import NAME
from meridian.regular_file import read_regular

BYTES_MAX: Final = 4096


class _Named(Protocol):
    """What settings say of it."""

    @property
    def replica(self) -> str: ...

    @property
    def replica_file(self) -> Path | None: ...


def process_name(settings: _Named) -> str:
    """The name in the file, or the one that is given where there is no file. Raises: ValueError."""
    file = settings.replica_file
    if file is None:
        return settings.replica
    try:
        text = read_regular(file, BYTES_MAX).decode("ascii", "replace").strip()
    except OSError as fault:
        raise ValueError(f"{file}: {fault.strerror}") from fault
    if not NAME.fullmatch(text):
        raise ValueError(f"{file}: must hold one name: at most 253 letters, digits, dots, hyphens and underscores")
    return text
