"""Who looks at the console: by his certificate or by his sign-in, judged by the authenticator of every other listener."""

from __future__ import annotations

from datetime import datetime

from meridian.authentication.certificate_names import spiffe_id_in
from meridian.call import Evidence, Wire
from meridian.console.arrival import Visitor
from meridian.console.sessions import Sessions
from meridian.domain.request_head import RequestHead
from meridian.errors import ExpiredTokenException, MissingAuthenticationTokenException
from meridian.transport.call_edge import Identify


class Visitors:
    """Request → visitor."""

    def __init__(self, identify: Identify, sessions: Sessions, *, is_secure: bool) -> None:
        """`is_secure`: whether the listener speaks TLS."""
        self._identify = identify
        self._sessions = sessions
        self._is_secure = is_secure

    def visitor_of(self, head: RequestHead, now: datetime) -> Visitor | None:
        """None for whoever shows nothing, or a sign-in whose time is over: he may sign in.

        Raises: KmsError for what is no credential.
        """
        session = self._sessions.of(head, now)
        evidence = self._evidence_of(head, session.token if session is not None else "")
        try:
            principal = self._identify(evidence, now)
        except (MissingAuthenticationTokenException, ExpiredTokenException):
            return None
        return Visitor(principal, evidence, signed_in=session is not None)

    def signed_in(self, head: RequestHead, token: str, now: datetime) -> Visitor:
        """Whom the token of a sign-in names. Raises: KmsError."""
        evidence = self._evidence_of(head, token)
        return Visitor(self._identify(evidence, now), evidence, signed_in=True)

    def shown_by(self, head: RequestHead) -> Evidence:
        """What the connection shows of whoever is refused, for the record of that."""
        return self._evidence_of(head, "")

    def _evidence_of(self, head: RequestHead, token: str) -> Evidence:
        """What the connection and the token of the identity provider show."""
        pem = head.certificate_pem
        return Evidence(
            spiffe_id=spiffe_id_in(pem) if pem else "",
            certificate_pem=pem,
            shows_no_certificate=not pem,
            headers={"authorization": f"Bearer {token}"} if token else {},
            source_ip=head.address,
            secure_transport=self._is_secure,
            user_agent=head.headers.get("user-agent", ""),
            wire=Wire.CONSOLE,
        )
