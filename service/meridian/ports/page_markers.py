"""Where a listing goes on: opaque, and good for one caller and one listing."""

from __future__ import annotations

from typing import Protocol


class PageMarkers(Protocol):
    """Where a listing goes on: opaque, and good for one caller and one listing."""

    def page_marker(self, scope: str, position: str) -> str:
        """An opaque marker for a listing; only the same scope (caller, operation, arguments) opens it."""
        ...

    def open_page_marker(self, scope: str, marker: str) -> str:
        """The position inside a marker. Raises: InvalidMarkerException."""
        ...
