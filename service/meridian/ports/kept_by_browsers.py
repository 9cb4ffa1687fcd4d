"""What a browser keeps for the console: opaque to it, the Region's own, and good for one purpose. Nothing of it is kept anywhere else."""

from __future__ import annotations

from typing import Protocol


class KeptByBrowsers(Protocol):
    """Seals texts, so that every process of the Region can open them and nobody else."""

    def seal(self, purpose: str, text: str) -> str:
        """The sealed text, of letters that a cookie and a form take."""
        ...

    def open(self, purpose: str, sealed: str) -> str:
        """What is inside. Raises: ValueError for whatever was not sealed here for this purpose."""
        ...
