"""Whose the connections of a listener are, as far as callers have proved who they are, and who has more than a half of what there is.

At most one caller has. He gives way before others do: what he holds would otherwise outlive every newcomer, who has proved nothing yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Final

PART: Final = 2
"""One of so many parts is one caller's share, as on the gRPC listener."""


class Owners:
    """Connections and bytes that arrive, by caller. A connection is that of the caller whom it carried last."""

    def __init__(self, connections: int, arriving_bytes: int) -> None:
        self._connections = connections // PART
        self._arriving_bytes = arriving_bytes // PART
        self._owner: dict[Hashable, str] = {}
        self._counts: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def own(self, connection: Hashable, caller: str) -> None:
        """The connection is this caller's from now on. No body of it is arriving."""
        if self._owner.get(connection) != caller:
            self.forget(connection)
            self._owner[connection] = caller
            self._counts[caller] += 1

    def forget(self, connection: Hashable) -> None:
        """It has ended, and none of its bytes is kept."""
        caller = self._owner.pop(connection, None)
        if caller is not None:
            _take(self._counts, caller, 1)

    def keep(self, connection: Hashable, size: int) -> None:
        """So many bytes more of its body are kept, or fewer."""
        caller = self._owner.get(connection)
        if caller is not None:
            _take(self._bytes, caller, -size)

    def is_of(self, connection: Hashable, caller: str) -> bool:
        """Whether it is this caller's."""
        return self._owner.get(connection) == caller

    def with_most_connections(self) -> str | None:
        """The caller with more connections than his share; None where nobody has."""
        return _over(self._counts, self._connections)

    def with_most_bytes(self) -> str | None:
        """The caller of whose bodies more arrives than his share; None where there is none."""
        return _over(self._bytes, self._arriving_bytes)


def _over(counts: Counter[str], share: int) -> str | None:
    return next((caller for caller, count in counts.items() if count > share), None)


def _take(counts: Counter[str], caller: str, count: int) -> None:
    counts[caller] -= count
    if not counts[caller]:
        del counts[caller]
