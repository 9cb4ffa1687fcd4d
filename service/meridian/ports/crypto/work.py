"""What may take milliseconds with a private key: done once, by any thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
Work = Callable[[], T]
"""The rest of a command, with all that it needs: to be done once, by any thread."""
