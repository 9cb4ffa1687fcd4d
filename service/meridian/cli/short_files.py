"""Files that an option names: read up to a length, whatever they are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from meridian.regular_file import up_to

PEM_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of certificates, private keys and tokens: as much as a Region takes of its own."""


def read_up_to(path: Path, most: int) -> bytes:
    """The bytes of a file; no more than one above `most` is read. Raises: OSError, whose text fits behind the name of the file."""
    with path.open("rb") as file:
        return up_to(file.read(most + 1), most)
