"""Who holds this certificate or token."""

from __future__ import annotations

from typing import Protocol

from meridian.domain.call import Principal


class Principals(Protocol):
    """Maps authenticated subjects to principals by the Region's own rules."""

    def find_by_spiffe_id(self, spiffe_id: str) -> Principal | None:
        """The principal of a workload or user certificate."""
        ...

    def find_by_token_hash(self, token_sha256: str) -> Principal | None:
        """The principal of a bearer token, looked up by its SHA-256 in lower-case hex."""
        ...

    def find_by_subject(self, method: str, subject: str) -> Principal | None:
        """The principal of a subject that another Region authenticated; `method` as in `Principal.method`."""
        ...
