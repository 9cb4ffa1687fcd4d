"""Grants."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from meridian.domain.grant import Grant


class Grants(Protocol):
    """Grants. Every write adds a row to the change feed, under the grant's key, in the same transaction."""

    async def find(self, grant_id: str) -> Grant | None: ...

    async def of_principals(self, account: str, key_id: str, principals: Collection[str]) -> Sequence[Grant]:
        """Grants on this key whose grantee is one of these."""
        ...

    async def list(self, account: str, key_id: str, *, grantee: str, grant_id: str, after: str, limit: int) -> Sequence[Grant]:
        """Grants on this key by grant id, those greater than `after`; `grantee` and `grant_id` filter unless empty."""
        ...

    async def list_retirable(self, retiring_principal: str, *, after: str, limit: int) -> Sequence[Grant]:
        """Grants of any key that this principal may retire, by grant id."""
        ...

    async def count(self, account: str, key_id: str) -> int: ...

    async def insert(self, grant: Grant) -> None: ...

    async def delete(self, grant: Grant) -> bool:
        """Whether it was there."""
        ...
