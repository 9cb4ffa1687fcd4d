"""Whether the holder of a token may take a role on: the role's own trust decides, before anybody is anybody.

Whoever asks for a role that is not there, and whoever it does not trust, are told the same.

Source: AWS STS API Reference, AssumeRoleWithWebIdentity.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from meridian.authentication.identity_tokens import IdentityTokens
from meridian.domain.principal import Principal
from meridian.domain.token_rules import METHOD, moment_of, subject_of
from meridian.errors import AccessDeniedException
from meridian.ports.principals import Principals

DENIED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"


class AssumedRoles:
    """(token, role) → the role, as a principal that has proved itself by the token."""

    def __init__(self, principals: Principals, tokens: IdentityTokens) -> None:
        self._principals = principals
        self._tokens = tokens

    def authenticate(self, token: str, role_arn: str, session_name: str, now: datetime) -> Principal:
        """The role. Raises: AccessDeniedException where it is none that trusts the holder; what `IdentityTokens.claims_of` raises."""
        claims = self._tokens.claims_of(token, now)
        role = self._principals.mapping.roles.get(role_arn)
        if role is None or not role.trusts(claims):
            why = "there is no such role" if role is None else "the role does not trust"
            raise AccessDeniedException(DENIED, reason=f"{why}: {subject_of(claims)}")
        return replace(
            role.principal,
            method=METHOD,
            subject=subject_of(claims),
            session_name=session_name,
            token_issued_at=moment_of(claims, "iat"),
            expires_at=moment_of(claims, "exp"),
        )
