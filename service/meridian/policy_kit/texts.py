"""Texts of files that people write, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path


class TextFault(Exception):
    """A file cannot be read as text; the message names it."""


class UnreadableRecordError(Exception):
    """A decision cannot be made again from an audit log; the message says what is missing."""


def text_of(path: Path) -> str:
    """The text of a file. Raises: TextFault."""
    try:
        return path.read_bytes().decode()
    except OSError as fault:
        raise TextFault(f"{path}: {fault.strerror}") from fault
    except UnicodeDecodeError as fault:
        raise TextFault(f"{path}: is no UTF-8 text (byte {fault.start + 1})") from fault
