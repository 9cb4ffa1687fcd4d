"""THE table of requests that are refused before any application sees them, with their HTTP status and what the client is told."""

from __future__ import annotations

from enum import Enum


class HttpFault(Enum):
    """A status and a sentence."""

    MALFORMED = (400, "The request is not HTTP/1.1.")
    REPEATED_HEADER = (400, "A header is given more than once.")
    REPEATED_PARAMETER = (400, "A query parameter is given more than once.")
    TOO_MANY_PARAMETERS = (400, "There are too many query parameters.")
    FORWARDED_FOR = (400, "X-Forwarded-For does not name an address.")
    PIPELINED = (400, "A request begins before the one before it is answered.")
    UPGRADE = (400, "No other protocol is spoken here.")
    TIMEOUT = (408, "The request did not arrive in time.")
    LENGTH_REQUIRED = (411, "The body needs a Content-Length; no transfer coding is accepted.")
    HEAD_TOO_LARGE = (431, "The headers are too large.")
    INTERNAL = (500, "The service has failed.")
    VERSION = (505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.")
    OVERLOADED = (503, "Too many requests are arriving at once.")

    @property
    def status(self) -> int:
        return self.value[0]

    @property
    def sentence(self) -> str:
        return self.value[1]


class RefusedRequest(Exception):
    """What arrived is no request that is read any further. The detail is safe to show: it is a name from the request, cut."""

    def __init__(self, fault: HttpFault, detail: str = "") -> None:
        super().__init__(fault.name)
        self.fault = fault
        self.detail = detail[:64]

    @property
    def sentence(self) -> str:
        return f"{self.fault.sentence} ({self.detail})" if self.detail else self.fault.sentence
