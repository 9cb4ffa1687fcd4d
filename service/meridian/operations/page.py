"""One page of a listing: the marker is bound to the caller, the operation and its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from meridian.call import Call
from meridian.ports.page_markers import PageMarkers

T = TypeVar("T")


class Page:
    """Where a listing goes on, and how far."""

    def __init__(self, page_markers: PageMarkers, call: Call, *arguments: str, default: int) -> None:
        request: Any = call.request
        self._page_markers = page_markers
        self._scope = " ".join((call.rpc.operation, call.caller.arn, *arguments))
        self.after = page_markers.open_page_marker(self._scope, request.marker) if request.HasField("marker") else ""
        """The last position of the page before; empty at the start."""
        self.limit: int = request.limit if request.HasField("limit") else default

    def cut(self, response: Any, found: Sequence[T], positions: Sequence[str]) -> Sequence[T]:
        """The page, from `limit` + 1 things found; says in the response whether there are more, and where they begin."""
        response.truncated = len(found) > self.limit
        if response.truncated:
            response.next_marker = self._page_markers.page_marker(self._scope, positions[self.limit - 1])
        return found[: self.limit]
