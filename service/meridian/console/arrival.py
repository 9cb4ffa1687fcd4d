"""A request of a browser, as its page sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from meridian.call import Evidence
from meridian.domain.principal import Principal
from meridian.domain.request_head import RequestHead
from meridian.errors import KmsError


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks, and by which evidence he is known; his calls carry the same."""

    principal: Principal
    evidence: Evidence
    signed_in: bool
    """At the identity provider; else he is known by his certificate, and cannot sign out."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request whose head was judged, and which has arrived as a whole."""

    head: RequestHead
    at: datetime
    started: float
    """Monotonic seconds, when the head was read."""
    visitor: Visitor | None
    """None for whoever showed nothing, and where the page is open to everybody."""
    refusal: KmsError | None
    """Why what he showed is no credential."""
    body: bytes
