"""Who holds this certificate or token, or has signed with this access key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from meridian.domain.principal import Principal
from meridian.domain.token_rules import TokenMapping


@dataclass(frozen=True, slots=True, repr=False)
class AccessKey:
    """What proves a signed request to be its principal's."""

    principal: Principal
    secret_access_key: str
    session_token_sha256: str
    """Of the session token that must come along, lower-case hex; empty for a lasting access key."""


class Principals(Protocol):
    """Maps authenticated subjects to principals by the Region's own rules, as they are at the moment of the question."""

    @property
    def mapping(self) -> TokenMapping:
        """Whom tokens of identity providers name. The same value until the rules change."""
        ...

    def is_denied(self, spiffe_id: str) -> bool:
        """Whether operators deny this SPIFFE id, whatever a certificate says; no principal is found by it then."""
        ...

    def find_by_spiffe_id(self, spiffe_id: str) -> Principal | None:
        """The principal of a workload or user certificate."""
        ...

    def find_by_token_hash(self, token_sha256: str) -> Principal | None:
        """The principal of a bearer token, looked up by its SHA-256 in lower-case hex."""
        ...

    def find_by_access_key(self, access_key_id: str) -> AccessKey | None:
        """The access key of this id."""
        ...

    def find_by_arn(self, arn: str) -> Principal | None:
        """The principal with this ARN, by whatever it is authenticated."""
        ...

    def find_by_subject(self, method: str, subject: str) -> Principal | None:
        """The principal of a subject that another Region authenticated; `method` as in `Principal.method`."""
        ...
