"""Who calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. `name` is the entity id without its account: user, role or service name."""

    kind: str
    """"User", "Role" or "Service"."""
    account: str
    name: str
    arn: str
    groups: tuple[str, ...] = ()
    """Names of groups of the caller's account."""
    tags: tuple[tuple[str, str], ...] = ()
    org_units: tuple[str, ...] = ()
    """Units of the caller's account, nearest first, each inside the next."""
    method: str = ""
    """How the caller was authenticated: "client_certificate", "identity_token" …"""
    subject: str = ""
    """The authenticated subject as presented: a SPIFFE id, or issuer and subject of a token …"""
    mfa_present: bool = False
    mfa_at: datetime | None = None
    token_issued_at: datetime | None = None
    session_name: str = ""
    expires_at: datetime | None = None

    @property
    def entity_id(self) -> str:
        return f"{self.account}/{self.name}"

    @property
    def partition(self) -> str:
        return self.arn.split(":", 2)[1]

    @property
    def group_ids(self) -> tuple[str, ...]:
        """Entity ids of the groups; like every principal's id, each begins with the account, which is the caller's own."""
        return tuple(f"{self.account}/{group}" for group in self.groups)
