"""Texts of files that people write, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from meridian.regular_file import read_regular

BYTES_MAX: Final = 1024 * 1024


class TextFault(Exception):
    """A file cannot be read as text, or as what its text should be; the message names it."""


class UnreadableRecordError(Exception):
    """A decision cannot be made again from an audit log; the message says what is missing."""


def text_of(path: Path) -> str:
    """The text of a regular file. Raises: TextFault."""
    try:
        return read_regular(path, BYTES_MAX).decode()
    except OSError as fault:
        raise TextFault(f"{path}: {fault.strerror}") from fault
    except UnicodeDecodeError as fault:
        raise TextFault(f"{path}: is no UTF-8 text (byte {fault.start + 1})") from fault
