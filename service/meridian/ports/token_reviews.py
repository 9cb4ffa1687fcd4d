"""Whether an issuer still stands by a token that it has signed: Kubernetes says so of the tokens of its pods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, repr=False)
class ReviewSource:
    """Who is asked about the tokens of an issuer."""

    issuer: str
    url: str
    """Of the API server, without the path of its API."""
    authorities: str
    """PEM; empty for those that the system believes."""
    bearer_token: str
    """What this Region shows; one that may make token reviews."""
    audiences: tuple[str, ...]
    """One of which a token must be good for there, too."""
    seconds: int
    """How long an answer counts."""


class TokenReviews(Protocol):
    """What was said of tokens. Nobody waits here: asking is work by time."""

    def require_good(self, issuer: str, digest: bytes, token: str, subject: str) -> None:
        """Return where the issuer has stood by this token within the time that its answers count. `digest`: SHA-256 of the token, whose
        signature and claims are believed already; `subject`: its `sub`.

        Raises: UnrecognizedClientException where it has not; DependencyTimeoutException while that is not known.
        """
        ...
