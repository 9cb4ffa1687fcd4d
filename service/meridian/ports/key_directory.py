"""Keys by every name a caller may use, from memory where that is safe."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from meridian.domain.grant import Grant
from meridian.domain.key import Key


class KeyDirectory(Protocol):
    """Immutable keys in front of the store.

    What it answers is never older than its staleness bound: a change made by this process is seen at once, one made by another
    process after the next reading of the change feed, and when the feed cannot be read for longer than the bound, nothing is
    answered. Every method raises KMSInternalException then.
    """

    def find_cached(self, account: str, text: str) -> Key | None:
        """The key that a caller of this account named with this text before; None when it must be looked up."""
        ...

    def find_cached_number(self, number: bytes, *, multi_region: bool) -> Key | None:
        """The key with this number if it is in memory."""
        ...

    async def find(self, account: str, key_id: str) -> Key | None:
        """The key of this account."""
        ...

    async def find_abroad(self, caller: str, account: str, name: str) -> Key | None:
        """The key of another account than the caller's, by key id or alias name.

        Whether it is there or not, the caller's first question reads the store and the next ones, for some seconds, do not: how long the
        answer takes tells nothing.
        """
        ...

    async def find_by_number(self, caller: str, number: bytes, *, multi_region: bool) -> Key | None:
        """The key with this number, of any account; one that is not the caller's is looked for as in `find_abroad`."""
        ...

    async def find_by_alias(self, account: str, alias_name: str) -> Key | None:
        """The key that this alias of the account names."""
        ...

    def find_cached_grants(self, key: Key, principal_arn: str) -> tuple[Grant, ...] | None:
        """Grants on this key to this principal if they are in memory; None when they must be looked up."""
        ...

    async def find_grants(self, key: Key, principal_arn: str, meant: Collection[str]) -> tuple[Grant, ...]:
        """Grants on this key whose grantee is one of `meant`, which are the names of this principal."""
        ...

    def remember(self, account: str, text: str, key: Key) -> None:
        """Let `find_cached` answer this key for this text, until the key changes."""
        ...

    def forget(self, account: str, key_id: str) -> None:
        """Drop a key; whoever asks next reads the store."""
        ...
