"""Names of keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AliasRow:
    """A name of a key within its account and Region."""

    account: str
    alias_name: str
    """With its prefix, `alias/…`."""
    key_id: str
    created_at: datetime
    updated_at: datetime


class Aliases(Protocol):
    """Names of keys. Whoever changes one also writes the key, whose version stands for its names."""

    async def find(self, account: str, alias_name: str) -> AliasRow | None: ...

    async def insert(self, row: AliasRow) -> None:
        """Raises: VersionConflict if the account has this alias."""
        ...

    async def point(self, account: str, alias_name: str, key_id: str, *, now: datetime) -> None:
        """Let the alias name another key."""
        ...

    async def delete(self, account: str, alias_name: str) -> None: ...

    async def list(self, account: str, *, key_id: str, after: str, limit: int) -> Sequence[AliasRow]:
        """Aliases in byte order, those greater than `after`; of one key, unless `key_id` is empty."""
        ...
