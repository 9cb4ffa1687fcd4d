"""The release of this code. It stands here as in the project's file: to ask the installed package takes modules that nobody else uses."""

from __future__ import annotations

from typing import Final

RELEASE: Final = "0.1.0"
