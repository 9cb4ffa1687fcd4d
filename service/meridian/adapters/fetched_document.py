"""One GET of a document, or one form or document that is posted, in bounded time and bytes: no redirect is followed, no interim answer
waited for, no name looked up on the loop, nothing unpacked."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from meridian.adapters.late_modules import loaded
from meridian.adapters.xks_proxy.lookups import Lookups

SECONDS: Final = 5.0
"""For everything: name, connection, TLS, answer."""
REQUESTS: Final = "meridian.adapters.document_requests"


class FetchFault(Exception):
    """The document could not be had; the message says why, in words of this service."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        """`status`: of an HTTP answer that is no good one; 0 where there was none."""
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Source:
    """Whose document it is, and how that is believed and bounded."""

    owner: str
    """Whose look-ups of names these are."""
    tls: ssl.SSLContext
    bytes_max: int
    """Of the answer's body."""
    lookups: Lookups


async def fetch(url: str, source: Source, *, bearer_token: str) -> bytes:
    """The body of a good answer. Raises: FetchFault."""
    shown = {"Authorization": f"Bearer {bearer_token}"} if bearer_token else {}
    requests = await loaded(REQUESTS)
    found: bytes = await requests.answer_to("GET", url, None, shown, source, seconds=SECONDS)
    return found


async def post_json(url: str, body: bytes, source: Source, *, bearer_token: str) -> bytes:
    """The body of a good answer to a JSON document. Raises: FetchFault."""
    shown = {"Content-Type": "application/json", **({"Authorization": f"Bearer {bearer_token}"} if bearer_token else {})}
    requests = await loaded(REQUESTS)
    found: bytes = await requests.answer_to("POST", url, body, shown, source, seconds=SECONDS)
    return found


async def post_form(url: str, form: Mapping[str, str], source: Source, *, authorization: str) -> bytes:
    """The body of a good answer to a form. `authorization`: the value of that header, none where it is empty. Raises: FetchFault."""
    shown = {"Authorization": authorization} if authorization else {}
    requests = await loaded(REQUESTS)
    found: bytes = await requests.answer_to("POST", url, form, shown, source, seconds=SECONDS)
    return found
