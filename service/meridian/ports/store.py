"""What the service asks of its database.

One transaction holds a change, its audit event and its outbox entries: all or nothing. Repositories speak domain values; no
row, driver error or SQLSTATE crosses this port. Every adapter passes `tests/contract/test_store.py`.

What an adapter promises beside the methods: identifiers compare by their bytes (case-sensitively); times keep microseconds and
come back aware in UTC; a committed transaction survives a crash of process or machine; a transaction left by an exception, or
by cancellation, leaves no trace; a database out of reach is KMSInternalException with the cause as its `reason`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from meridian.domain.key import Key
from meridian.domain.multi_region import SetRow
from meridian.ports.audit_events import AuditEvents
from meridian.ports.audit_streams import AuditStreams
from meridian.ports.store_between_regions import Inbox, OperatorWords, Outbox
from meridian.ports.store_names import Aliases, Answers, Grants, ImportKeys, KeyStores, KeyUsage
from meridian.ports.store_rows import Change, KekRow, RegionIdentity, RootRow, Rows, SecretRow, SetPage


class Keys(Protocol):
    """Keys with their materials. Every write adds a row to the change feed in the same transaction."""

    async def find(self, account: str, key_id: str) -> Key | None:
        """The key of this account, with its materials in rotation order."""
        ...

    async def locate(self, account: str, key_id: str) -> tuple[str, str] | None:
        """(account, key id) where the account has such a key."""
        ...

    async def locate_number(self, number: bytes, *, multi_region: bool) -> tuple[str, str] | None:
        """(account, key id) of the one key with this 16-byte number, whoever owns it."""
        ...

    async def insert(self, key: Key) -> None:
        """Store a new key. Raises: VersionConflict if its number is taken, by any account."""
        ...

    async def update(self, key: Key) -> Key:
        """Replace the row that has `key.version`; the answer has the next version.

        The stored tags and materials are then exactly the key's. Raises: VersionConflict if the version is not the stored one.
        """
        ...

    async def delete(self, key: Key) -> None:
        """Remove the key that has `key.version`, with its tags, aliases and materials. Raises: VersionConflict."""
        ...

    async def list_ids(self, account: str, *, after: str, limit: int) -> Sequence[str]:
        """Key ids of the account in byte order, those greater than `after`."""
        ...

    async def count(self, account: str) -> int:
        """How many keys the account has, in any state."""
        ...

    async def find_in_store(self, account: str, store_id: str, xks_key_id: str | None) -> str | None:
        """Id of a key of this custom key store, in whatever state: of the one with this external key, or of any where None is given."""
        ...

    async def list_due(self, *, now: datetime, after: tuple[str, str], limit: int) -> Sequence[tuple[str, str]]:
        """(account, key id) of keys for which a time has come: deletion, rotation, expiry of a material, end of Updating. In that
        order, those greater than `after`."""
        ...

    async def list_updating(self, *, before: datetime, limit: int) -> Sequence[tuple[str, str]]:
        """(account, key id) of keys whose change between Regions should have ended before this time."""
        ...


class KeySets(Protocol):
    """What this Region keeps about sets of related keys."""

    async def find(self, account: str, key_id: str) -> SetRow | None:
        """The row of this set."""
        ...

    async def insert(self, row: SetRow) -> None:
        """Store a new row. Raises: VersionConflict if there is one."""
        ...

    async def update(self, row: SetRow) -> SetRow:
        """Replace the row that has `row.version`; the answer has the next version. Raises: VersionConflict."""
        ...

    async def list_reserved(self, *, prepared_by: str, before: datetime, limit: int) -> Rows[SetRow]:
        """Rows of places that this Region prepared, reserved since before this time, longest waiting first."""
        ...

    async def count_reserved(self, account: str, *, prepared_by: str, most: int) -> int:
        """How many places of this account are reserved that this Region prepared; counted up to `most`."""
        ...

    async def list_members(self, *, after: tuple[str, str], limit: int, unsettled: bool = False) -> SetPage:
        """Rows that are reserved or live, by (account, key id), those greater than `after`; `unsettled` leaves only those that are
        stale, have given a Region up, or were shown to go on without this one."""
        ...

    async def mark_stale(self) -> int:
        """After a restore: every live row is stale, has no acknowledgements and nothing to tell; the answer counts them."""
        ...


class KeyringRows(Protocol):
    """Sealed roots, key-encryption keys and the Region's own secrets."""

    async def roots(self) -> Sequence[RootRow]: ...

    async def keks(self) -> Sequence[KekRow]: ...

    async def secrets(self, kind: str) -> Rows[SecretRow]:
        """Secrets of a kind, newest first."""
        ...

    async def find_secret(self, kind: str, owner: str, secret_id: str) -> SecretRow | None:
        """The one secret of this name."""
        ...

    async def insert_root(self, row: RootRow) -> None: ...

    async def insert_kek(self, row: KekRow) -> None: ...

    async def insert_secret(self, row: SecretRow) -> None: ...

    async def delete_secret(self, kind: str, owner: str, secret_id: str) -> None: ...

    async def update_secret(self, row: SecretRow) -> None:
        """Replace the bytes of the secret that has the row version before this one. Raises: VersionConflict."""
        ...

    async def replace_roots(self, roots: Sequence[RootRow], keks: Sequence[KekRow]) -> None:
        """These roots in place of all others, and every key-encryption key as it is wrapped under them."""
        ...

    async def activate_kek(self, row: KekRow) -> None:
        """Store this key-encryption key as the only active one."""
        ...

    async def keys_wrapped_otherwise(self, kek_number: int, *, limit: int) -> Sequence[tuple[str, str]]:
        """(account, key id) of keys with material under another key-encryption key than this."""
        ...

    async def secrets_wrapped_otherwise(self, kek_number: int, *, limit: int) -> Rows[SecretRow]:
        """Secrets of the Region under another key-encryption key than this."""
        ...

    async def is_named(self, kek_number: int) -> bool:
        """Whether any row is wrapped under this key-encryption key."""
        ...

    async def delete_kek(self, kek_number: int) -> None: ...


class Region(Protocol):
    """The Region's own row and its change feed."""

    async def identity(self) -> RegionIdentity | None:
        """The stored names; None before the first initialisation."""
        ...

    async def initialise(self, identity: RegionIdentity) -> None:
        """Store the names for ever. Raises: VersionConflict if there are any."""
        ...

    async def begin_incarnation(self) -> int:
        """Raise the incarnation by one, after a restore; the answer is the new one."""
        ...

    async def empty(self) -> None:
        """Remove everything that callers made, each key with a row in the change feed. For development alone."""
        ...

    async def changes_after(self, number: int, *, limit: int) -> Sequence[Change]:
        """Rows of the change feed with a greater number, in order. Raises: FeedPruned where some of them are there no more."""
        ...

    async def prune_changes(self, *, keep: int) -> int:
        """Forget all but the newest rows of the change feed; the answer counts those that went."""
        ...

    async def now(self) -> datetime:
        """The present moment by the database's clock, which all processes of the Region share; SQLite's is this machine's."""
        ...

    async def last_change(self) -> int:
        """The number of the newest row of the change feed; 0 for none."""
        ...


class UnitOfWork(Protocol):
    """One transaction: the repositories, all on one connection."""

    keys: Keys
    import_keys: ImportKeys
    key_sets: KeySets
    outbox: Outbox
    inbox: Inbox
    operator_words: OperatorWords
    audit_events: AuditEvents
    audit_streams: AuditStreams
    keyring: KeyringRows
    region: Region
    aliases: Aliases
    grants: Grants
    key_usage: KeyUsage
    key_stores: KeyStores
    answers: Answers


class Store(Protocol):
    """The Region's database."""

    def transaction(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A read-write transaction: commits when the block ends, rolls back when it raises."""
        ...

    def reading(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A read-only unit of work on one consistent state."""
        ...

    async def close(self) -> None:
        """Release every connection."""
        ...
