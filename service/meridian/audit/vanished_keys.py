"""Keys whose creation the log tells of, and which are neither in the database nor ended by a record: whoever deletes a row shows here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from meridian.audit.ended import CLOCKS_APART_SECONDS
from meridian.audit.values import is_count

CREATES: Final = "CreateKey"
DELETES: Final = "DeleteKey"
EMPTIES: Final = "DeleteDevelopmentState"
UNDER_WAY_SECONDS: Final = 300.0
"""A call that began less than so long before the database was read may have made its key after that."""


class Created(NamedTuple):
    """The last record of a key's creation."""

    at: str
    epoch: int


class Vanished(NamedTuple):
    """Keys that are not in the database."""

    without_record: list[str]
    """Nothing says where they went."""
    before_restore: list[str]
    """Made before the Region was restored: the backup may be older than they are."""


class KeyLives:
    """When keys were made and ended, as records say."""

    def __init__(self) -> None:
        self._created: dict[str, Created] = {}
        self._deleted: dict[str, str] = {}
        self._emptied = ""

    def visit(self, record: Mapping[str, Any]) -> None:
        """Take note of one record."""
        name, at = record["eventName"], record.get("eventTime") or ""
        if name == EMPTIES:
            self._emptied = max(self._emptied, at)
        if name not in (CREATES, DELETES) or not at or "errorCode" in record or _is_repeat(record):
            return
        for resource in record.get("resources") or ():
            arn, epoch = resource["ARN"], record["meridian"].get("epoch")
            if name == DELETES:
                self._deleted[arn] = max(self._deleted.get(arn, ""), at)
            else:
                made = Created(at, epoch if is_count(epoch) else 0)
                self._created[arn] = max(self._created.get(arn, made), made)

    def vanished(self, stored: Collection[str], *, read_at: datetime, incarnation: int) -> Vanished:
        """Those that are not `stored`, which was read at that time from a database of this incarnation."""
        found = Vanished([], [])
        latest = read_at.timestamp() - UNDER_WAY_SECONDS
        for arn, created in sorted(self._created.items()):
            at, ends = _seconds(created.at), [_seconds(end) for end in (self._deleted.get(arn), self._emptied) if end]
            is_old = created.epoch < incarnation  # made before the Region was restored, so not under way now
            if arn in stored or (at > latest and not is_old) or any(at <= end + CLOCKS_APART_SECONDS for end in ends):
                continue
            (found.before_restore if is_old else found.without_record).append(arn)
        return found


def _is_repeat(record: Mapping[str, Any]) -> bool:
    """Whether only the answer of an earlier call was given again."""
    data = record.get("additionalEventData")
    return isinstance(data, dict) and "repeatOf" in data


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
