"""The Region's own row and its change feed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RegionIdentity:
    """Names fixed at first initialisation, and the incarnation that rises at each restore."""

    deployment: str
    partition: str
    region: str
    incarnation: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the change feed: this key is not what it was."""

    number: int
    account: str
    key_id: str


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
