"""A key store's way to its token, kept open, and opened anew where the token was lost. Used in the token thread alone.

A token that fails is asked whether it is still there: one that is has refused a request, one that is not was lost, and its library is
started anew, once in a second at most. A PIN that was refused is not presented again until the store is connected anew.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final, TypeVar

from meridian.adapters.pkcs11.library import TokenPlace, TokenSession, library, open_session
from meridian.adapters.pkcs11.outcomes import TABLE, Outcome, TokenFault
from meridian.domain.secret import Secret
from meridian.ports.clock import Clock

T = TypeVar("T")

REOPEN_SECONDS: Final = 1.0
ASKED_AGAIN: Final = frozenset({Outcome.REFUSED, Outcome.NO_KEY})
"""What a lost token may say as well as one that is there."""


class TokenLink:
    """One store's session."""

    def __init__(self, place: TokenPlace, pin: Secret, clock: Clock) -> None:
        self._place = place
        self._pin = pin
        self._clock = clock
        self._session: TokenSession | None = None
        self._fault: TokenFault | None = None
        self._again_at = -inf

    @property
    def is_broken(self) -> bool:
        """Whether the token could not be opened when that was tried last."""
        return self._fault is not None

    def use(self, work: Callable[[TokenSession], T]) -> T:
        """What comes of work with the token. Raises: TokenFault."""
        session = self._opened()
        try:
            return work(session)
        except TokenFault as fault:
            if not self._is_lost(session, fault):
                raise
            self.close()
        return work(self._opened())

    def close(self) -> None:
        """End the session."""
        if self._session is not None:
            self._session.close()
        self._session = None

    def _opened(self) -> TokenSession:
        if self._session is not None and self._session.is_open:
            return self._session
        if self._fault is not None and self._clock.monotonic() < self._again_at:
            raise self._fault
        try:
            self._session = self._open()
        except TokenFault as fault:
            self._fault = fault
            self._again_at = self._clock.monotonic() + REOPEN_SECONDS if TABLE[fault.outcome].may_pass else inf
            raise
        self._fault = None
        return self._session

    def _open(self) -> TokenSession:
        try:
            return open_session(self._place, self._pin)
        except TokenFault as fault:
            if not TABLE[fault.outcome].may_pass:
                raise
        library(self._place.module).restart()
        return open_session(self._place, self._pin)

    def _is_lost(self, session: TokenSession, fault: TokenFault) -> bool:
        if fault.outcome not in ASKED_AGAIN:
            return TABLE[fault.outcome].may_pass
        try:
            session.require_there()
        except TokenFault:
            return True
        return False


def look_over(link: TokenLink) -> None:
    """Log in and see that the token works, and leave. Raises: TokenFault."""
    try:
        link.use(_require_ready)
    finally:
        link.close()


def _require_ready(session: TokenSession) -> None:
    session.require_mechanism()
    session.require_works(None)
