"""Custom key stores."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from meridian.domain.key_store import ConnectionState
from meridian.ports.store.rows import Rows


@dataclass(frozen=True, slots=True)
class KeyStoreRow:
    """A custom key store, as it was described to the service."""

    account: str
    store_id: str
    name: str
    state: ConnectionState
    created_at: datetime
    proxy: Mapping[str, str]
    """What reaches its proxy, without the secret access key."""
    kind: str
    """CustomKeyStoreType of the AWS KMS API."""
    error_code: str
    """ConnectionErrorCode of the AWS KMS API; only of a store that failed."""
    credential_id: str
    """Id of the sealed secret; empty for a store that was made before secrets were kept."""
    version: int
    """Rises with each write: an attempt to connect counts while the row has the version that it began with."""


class KeyStores(Protocol):
    """Custom key stores."""

    async def find(self, account: str, store_id: str) -> KeyStoreRow | None: ...

    async def insert(self, row: KeyStoreRow) -> None:
        """Store a new one. Raises: VersionConflict if another has its name."""
        ...

    async def update(self, row: KeyStoreRow) -> KeyStoreRow:
        """Replace the row that has `row.version`; the answer has the next version. Adds a row to the change feed in the name of the store,
        whose keys it tells of. Raises: VersionConflict if the version is another, or if another store has its name."""
        ...

    async def delete(self, account: str, store_id: str) -> None: ...

    async def list(self, account: str, *, after: str, limit: int) -> Rows[KeyStoreRow]:
        """Stores of the account by id, those greater than `after`."""
        ...

    async def list_in(self, states: Collection[ConnectionState], *, after: tuple[str, str], limit: int) -> Rows[KeyStoreRow]:
        """Stores in one of these states, by (account, store id), those greater than `after`."""
        ...
