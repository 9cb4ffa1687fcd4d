"""Session tokens: opaque, the Region's own, and good beside one access key id. Nothing of a session is kept anywhere else."""

from __future__ import annotations

from typing import Protocol

from meridian.domain.session import Session


class SessionTokens(Protocol):
    """Seals sessions."""

    def seal_session(self, session: Session) -> str:
        """The token of a session, of letters that a header takes."""
        ...

    def open_session(self, access_key_id: str, token: str) -> Session:
        """The session of a token that came with this access key id, whether it has ended or not. Raises: ValueError."""
        ...
