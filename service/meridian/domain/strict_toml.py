"""TOML of files that people write. The format itself refuses a name that is given twice."""

from __future__ import annotations

import tomllib
from typing import Any


class TomlFault(ValueError):
    """A text is no TOML that can be used; the message fits behind the name of the text."""


def parse_toml(data: bytes) -> dict[str, Any]:
    """The document. Raises: TomlFault."""
    try:
        return tomllib.loads(data.decode())
    except RecursionError as fault:
        raise TomlFault("is nested too deeply") from fault
    except UnicodeDecodeError as fault:
        raise TomlFault(f"is no UTF-8 text (byte {fault.start + 1})") from fault
    except tomllib.TOMLDecodeError as fault:
        raise TomlFault(str(fault)) from fault
    except ValueError as fault:  # a number that is longer than Python reads
        raise TomlFault("holds a number that is too long") from fault
