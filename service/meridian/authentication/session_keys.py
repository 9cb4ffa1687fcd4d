"""Keys of sessions: the secret and the principal stand in the session token that comes along, and in no table.

A session is good while its role and the issuer that it was given for are in the principals file, until its end.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple

from meridian.domain.newest import Newest
from meridian.domain.session import KEY_ID_PREFIX, session_principal
from meridian.domain.token_rules import TokenMapping
from meridian.errors import ExpiredTokenException, UnrecognizedClientException
from meridian.ports.principals import AccessKey, Principals
from meridian.ports.session_tokens import SessionTokens

SESSIONS_MAX: Final = 4096


class _Known(NamedTuple):
    mapping: TokenMapping
    """By whose roles."""
    ends: datetime
    key: AccessKey


class SessionKeys:
    """(access key id, session token) → access key; bounded."""

    def __init__(self, principals: Principals, tokens: SessionTokens) -> None:
        self._principals = principals
        self._tokens = tokens
        self._known: Newest[bytes, _Known] = Newest(SESSIONS_MAX)

    def find(self, access_key_id: str, token: str, now: datetime) -> AccessKey | None:
        """The access key; None for an id that is of no session. Raises: UnrecognizedClientException for a token that is not that of the
        id, or whose role or issuer is gone; ExpiredTokenException.
        """
        if not access_key_id.startswith(KEY_ID_PREFIX) or not token:
            return None
        mapping = self._principals.mapping
        name = sha256(f"{access_key_id} {token}".encode()).digest()
        known = self._known.get(name)
        if known is None or known.mapping is not mapping:
            known = self._known.put(name, self._open(access_key_id, token, mapping))
        if known.ends <= now:
            raise ExpiredTokenException(reason="the session has ended")
        return known.key

    def _open(self, access_key_id: str, token: str, mapping: TokenMapping) -> _Known:
        try:
            session = self._tokens.open_session(access_key_id, token)
        except ValueError as fault:
            raise UnrecognizedClientException(reason=str(fault)) from fault
        role = mapping.roles.get(session.role_arn)
        if role is None or session.issuer not in mapping.issuers:
            raise UnrecognizedClientException(reason=f"the role or the issuer of a session is gone: {session.role_arn}")
        principal = session_principal(role.principal, session)
        return _Known(mapping, session.expires_at, AccessKey(principal, session.secret_access_key, sha256(token.encode()).hexdigest()))
