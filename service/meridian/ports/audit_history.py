"""What was recorded lately, for those who look back: records of the Region's logs that this process can see, the newest first.

Every adapter passes `tests/contract/test_recent_records.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records are looked for."""

    mentions: bytes
    """What the line of each has somewhere, say the number of an account: other lines are not even parsed. Empty: all are."""
    fits: Callable[[Record], bool]
    """Whether a record that mentions it is wanted. It is asked in a thread, and must change nothing."""
    since: datetime | None = None
    """No older ones."""
    until: datetime | None = None
    """No newer ones."""
    shown: Callable[[Record], Record] | None = None
    """What is kept of a record, and how many fit into an answer depends on nothing else of it; None: all of it. Asked as `fits` is."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one look brought. Few records, or none, do not mean that there are no more: `place` says that."""

    records: tuple[Record, ...]
    """The newest first, to the second, of each log in the reverse of the order in which it was written."""
    places: tuple[str, ...]
    """For each of them where a look begins that finds it first."""
    place: str
    """Where the next look goes on; empty where nothing older is left."""
    unreadable: int
    """How many files of the log could not be read, and were passed over."""


class AuditHistory(Protocol):
    """Looks back. What is read is what was written: whether it is whole is told by `meridian audit verify`."""

    async def look(self, account: str, wanted: Wanted, *, most: int, place: str) -> Found:
        """At most so many records behind this place; from the newest on where it is empty.

        A look reads a bounded number of records, whatever is wanted and however long they are, and so may end early. Memory does not
        depend on how much history there is. Looks are few at once, and accounts take turns at them.

        Raises: ThrottlingException where there is no room for another look; InvalidMarkerException for a place that says nothing here;
        DependencyTimeoutException where the logs cannot be listed.
        """
        ...
