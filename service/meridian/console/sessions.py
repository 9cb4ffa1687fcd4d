"""Sessions of people who signed in: the token of their identity provider, in a sealed cookie, and in no table. So every process of a Region
knows them, and whoever has not signed in costs no memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from meridian.console.cookies import Header, SealedCookie
from meridian.domain.request_head import RequestHead
from meridian.ports.kept_by_browsers import KeptByBrowsers

SESSION: Final = "session"


@dataclass(frozen=True, slots=True, repr=False)
class Session:
    """A sign-in."""

    token: str
    ends_at: int
    """Seconds since 1970."""


class Sessions:
    """Reads and writes them."""

    def __init__(self, kept: KeptByBrowsers, *, is_secure: bool, seconds: int, issuer: str) -> None:
        """`seconds`: how long a session lasts at most. `issuer`: at whom people sign in; empty where nobody does, and no session counts."""
        self._cookie = SealedCookie(kept, SESSION, is_secure=is_secure)
        self._seconds = seconds
        self._issuer = issuer

    def of(self, head: RequestHead, now: datetime) -> Session | None:
        """The session of a request; None where there is none, its time is over, or people sign in elsewhere by now."""
        ends, _, rest = self._cookie.read(head).partition(" ")
        issuer, _, token = rest.partition(" ")
        if not token or issuer != self._issuer or int(ends) <= now.timestamp():
            return None
        return Session(token, int(ends))

    def begin(self, token: str, now: datetime, token_ends: datetime | None) -> Iterator[Header]:
        """Headers of the answer to a sign-in. Raises: ValueError for a token that is too long for cookies."""
        at = int(now.timestamp())
        ends = min(at + self._seconds, int(token_ends.timestamp()) if token_ends is not None else at + self._seconds)
        return self._cookie.write(f"{ends} {self._issuer} {token}", max(0, ends - at))

    def end(self) -> Iterator[Header]:
        """Headers of the answer to a sign-out."""
        return self._cookie.clear()
