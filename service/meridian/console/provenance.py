"""Whether a request is for this console, and from where a browser says that it comes; judged before anything else of it.

Source: RFC 9110, sections 7.2 and 15.5.20; W3C, Fetch Metadata Request Headers.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from meridian.domain.request_head import RequestHead

TLS: Final = "https://"
DEFAULT_PORTS: Final = {"https": ":443", "http": ":80"}
ELSEWHERE: Final = frozenset({"cross-site", "same-site"})
"""Pages of another origin. What sends no such header is no browser of today; cookies and forms guard those."""


class Stray(Enum):
    """A status and a sentence."""

    HOST = (421, "The console is not found under this name.")
    SITE = (403, "This is no request of a page of the console.")

    @property
    def status(self) -> int:
        return self.value[0]

    @property
    def sentence(self) -> str:
        return self.value[1]


class Provenance:
    """Judges heads."""

    def __init__(self, origin: str) -> None:
        """`origin`: where browsers find the console."""
        scheme, _, self._host = origin.partition("://")
        self._default_port = DEFAULT_PORTS[scheme]

    def fault_of(self, head: RequestHead) -> Stray | None:
        """Why nothing is done for a request; None where it may go on. Another site may lead a browser here as a link does, and no more:
        it has no part of a page fetched or framed, so nobody's rates are used up by what he looks at elsewhere."""
        if head.headers.get("host", "").lower().removesuffix(self._default_port) != self._host.removesuffix(self._default_port):
            return Stray.HOST
        if head.headers.get("sec-fetch-site", "") in ELSEWHERE and not _is_link(head):
            return Stray.SITE
        return None


def _is_link(head: RequestHead) -> bool:
    said = head.headers
    return head.method == "GET" and (said.get("sec-fetch-mode"), said.get("sec-fetch-dest")) == ("navigate", "document")
