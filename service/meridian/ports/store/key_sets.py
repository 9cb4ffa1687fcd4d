"""What this Region keeps about sets of related keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from meridian.domain.multi_region import SetRow
from meridian.ports.store.rows import Rows


@dataclass(frozen=True, slots=True)
class SetPage:
    """Rows of sets, in the order of account and key id. One that cannot be read is named, and holds no other up."""

    rows: tuple[SetRow, ...]
    unreadable: tuple[tuple[str, str, str], ...]
    """Account, key id, and the type of the fault."""
    next: tuple[str, str] | None
    """Where the next page begins; None after the last."""


@dataclass(frozen=True, slots=True)
class RelatedKeys:
    """Keys that have the same Regions."""

    primary_region: str
    replica_regions: tuple[str, ...]
    count: int


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

    async def count_related(self, account: str, *, limit: int) -> Sequence[RelatedKeys]:
        """How many multi-Region keys of the account have which Regions; so many entries at most."""
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
