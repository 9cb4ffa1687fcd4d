"""Custom key stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class KeyStoreRow:
    """An external key store, as it was described to the service."""

    account: str
    store_id: str
    name: str
    state: str
    """The ConnectionState of the AWS KMS API."""
    created_at: datetime
    proxy: Mapping[str, str]
    """What reaches its proxy, without the secret access key."""


class KeyStores(Protocol):
    """Custom key stores."""

    async def find(self, account: str, store_id: str) -> KeyStoreRow | None: ...

    async def put(self, row: KeyStoreRow) -> None:
        """Store it, in place of the one with its id. Raises: VersionConflict if another has its name."""
        ...

    async def delete(self, account: str, store_id: str) -> None: ...

    async def list(self, account: str, *, after: str, limit: int) -> Sequence[KeyStoreRow]:
        """Stores of the account by id, those greater than `after`."""
        ...
