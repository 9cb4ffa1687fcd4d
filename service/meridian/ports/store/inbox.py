"""Events of other Regions that were applied here."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Inbox(Protocol):
    """Events already applied, by (source Region, incarnation, sequence)."""

    async def record(self, source_region: str, incarnation: int, sequence: int, digest: bytes, *, now: datetime) -> bool:
        """True when the event is new and now recorded; False when the same event was recorded before.

        Raises: VersionConflict when another event has this place: a fault of the sender, or an attack.
        """
        ...

    async def highest_incarnation(self, source_region: str) -> int:
        """The highest incarnation of the source that was ever recorded; -1 for none."""
        ...

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Forget at most so many events that are older than this; the answer counts them. What incarnations were seen stays known."""
        ...

    async def learn_incarnation(self, source_region: str, incarnation: int) -> None:
        """From now on the source's earlier incarnations are refused."""
        ...

    async def forget_incarnations(self, source_region: str) -> None:
        """The source is heard as one that has never said anything: under whatever incarnation it has."""
        ...
