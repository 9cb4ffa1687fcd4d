"""Keys with their materials."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from meridian.domain.key import Key


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

    async def next_due(self) -> datetime | None:
        """The earliest of the times that `list_due` looks at, past or to come; None where no key has one."""
        ...

    async def list_updating(self, *, before: datetime, limit: int) -> Sequence[tuple[str, str]]:
        """(account, key id) of keys whose change between Regions should have ended before this time."""
        ...
