"""Keys by every name a caller may use, from memory where that is safe."""

from __future__ import annotations

from typing import Protocol

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

    async def find_by_number(self, number: bytes, *, multi_region: bool) -> Key | None:
        """The key with this number, of any account."""
        ...

    def remember(self, account: str, text: str, key: Key) -> None:
        """Let `find_cached` answer this key for this text, until the key changes."""
        ...

    def forget(self, account: str, key_id: str) -> None:
        """Drop a key; whoever asks next reads the store."""
        ...
