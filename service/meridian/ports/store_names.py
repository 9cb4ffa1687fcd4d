"""What the store keeps around keys: aliases, grants, imports, last usage, custom key stores, answers. Part of `ports.store.UnitOfWork`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from meridian.domain.grant import Grant
from meridian.domain.key_store import ConnectionState
from meridian.ports.store_rows import AliasRow, AnswerRow, ImportKeyRow, KeyStoreRow, KeyUse, Rows


class ImportKeys(Protocol):
    """Wrapping keys of imports under way."""

    async def insert(self, row: ImportKeyRow) -> None: ...

    async def find(self, token_id: str) -> ImportKeyRow | None: ...

    async def take_try(self, token_id: str, *, tries_max: int) -> ImportKeyRow | None:
        """Count a try before it is made, whoever else does so now; None where none is left. The last one takes the row with it."""
        ...

    async def give_back_try(self, token_id: str) -> None:
        """The try that was taken did not fail."""
        ...

    async def delete_expired(self, *, now: datetime) -> None: ...

    async def delete_of_key(self, account: str, key_id: str) -> None: ...


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


class KeyUsage(Protocol):
    """When keys were last used."""

    async def find(self, account: str, key_id: str) -> KeyUse | None: ...

    async def write(self, uses: Iterable[KeyUse]) -> None:
        """Keep each, unless a later one is kept already."""
        ...


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


class Answers(Protocol):
    """Answers to changes, each under the token of its caller."""

    async def find(self, account: str, principal: str, token: str, *, now: datetime) -> AnswerRow | None:
        """The row, unless it has expired."""
        ...

    async def put(self, row: AnswerRow, *, keep: int) -> None:
        """Store it in place of the one of its name; the account keeps its newest, as many as `keep`. A principal with more than a quarter
        of these takes the place of his own oldest."""
        ...

    async def withdraw(self, account: str, principal: str, token: str, *, request_id: str) -> None:
        """Remove the claim of this call; an answer stays."""
        ...

    async def prune(self, *, now: datetime, limit: int) -> int:
        """Remove rows that have expired; the answer counts them."""
        ...
