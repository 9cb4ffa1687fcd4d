"""A session: a role that the holder of a token has taken on for a while, and the keys that he signs with meanwhile."""

from __future__ import annotations

from base64 import b32encode
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Final

from meridian.domain.principal import Principal
from meridian.domain.token_rules import TokenMapping

METHOD: Final = "assumed_role"
"""Of principals that were authenticated by keys of a session."""
KEY_ID_PREFIX: Final = "ASIA"
SECONDS_DEFAULT: Final = 3600
"""Where whoever takes a role on says nothing."""
ROLE_ID_CHARACTERS: Final = 17


@dataclass(frozen=True, slots=True, repr=False)
class Session:
    """What a session token says, sealed."""

    access_key_id: str
    secret_access_key: str
    role_arn: str
    name: str
    issuer: str
    """Of the token that it was given for."""
    subject: str
    issued_at: datetime
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Session({self.access_key_id})"


def session_arn(role_arn: str, name: str) -> str:
    """`arn:aws:iam::111122223333:role/deploy` → `arn:aws:sts::111122223333:assumed-role/deploy/NAME`."""
    parts = role_arn.split(":", 5)
    return f"{parts[0]}:{parts[1]}:sts::{parts[4]}:assumed-role/{parts[5].rpartition('/')[2]}/{name}"


def role_arn_of(arn: str) -> str:
    """The other way; empty for what is no ARN of a session."""
    parts = arn.split(":", 5)
    kind, _, rest = parts[-1].partition("/")
    name, slash, session = rest.partition("/")
    if len(parts) != 6 or (parts[2], kind, slash) != ("sts", "assumed-role", "/") or not name or not session:
        return ""
    return f"{parts[0]}:{parts[1]}:iam::{parts[4]}:role/{name}"


def session_user_id(role_arn: str, name: str) -> str:
    """As AWS has it: an id of the role, and the name of the session."""
    return f"AROA{b32encode(sha256(role_arn.encode()).digest()).decode()[:ROLE_ID_CHARACTERS]}:{name}"


def session_principal(role: Principal, session: Session) -> Principal:
    """Who calls in a session."""
    return replace(
        role,
        method=METHOD,
        subject=session_arn(session.role_arn, session.name),
        session_name=session.name,
        token_issued_at=session.issued_at,
        expires_at=session.expires_at,
    )


def principal_of_session(subject: str, mapping: TokenMapping) -> Principal | None:
    """Who calls in a session that another Region has authenticated, by the roles of this one."""
    role = mapping.roles.get(role_arn_of(subject))
    if role is None:
        return None
    return replace(role.principal, method=METHOD, subject=subject, session_name=subject.rpartition("/")[2])
