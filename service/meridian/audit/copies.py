"""Records of one event that stand in streams more than once.

An event of a change is written once, but where its process ended between the write and the mark in the database. The one who takes it
over says so in the record, `meridian.takenFrom`; a copy that nobody has taken over was written by a release that did not lease events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

EVENTS_MAX: Final = 1_000_000
"""Of how many events of changes copies are looked for: each takes about 150 bytes."""

Place = tuple[str, int]
"""Stream and sequence: a record that is read again is no copy."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many events stand more than once."""

    taken_over: int
    """Of which all copies but one say that the event was taken over."""
    unexplained: int
    is_whole: bool
    """Whether all events were looked at."""


class Copies:
    """Counts the records of each event that changed something."""

    def __init__(self) -> None:
        self._first: dict[str, Place] = {}
        self._places: dict[str, set[Place]] = {}
        self._taken: dict[str, set[Place]] = {}
        self._is_whole = True

    def visit(self, record: Mapping[str, Any]) -> None:
        """Take note of one record."""
        event_id = record.get("eventID")
        if not isinstance(event_id, str) or record.get("readOnly"):
            return
        inner = record["meridian"]
        place = (inner["stream"], inner["seq"])
        if len(self._first) >= EVENTS_MAX and event_id not in self._first:
            self._is_whole = False
            return
        first = self._first.setdefault(event_id, place)
        if first != place:
            self._places.setdefault(event_id, {first}).add(place)
        if "takenFrom" in inner:
            self._taken.setdefault(event_id, set()).add(place)

    def count(self) -> Counted:
        """What was found."""
        taken_over = sum(len(self._taken.get(name, ())) >= len(places) - 1 for name, places in self._places.items())
        return Counted(taken_over, len(self._places) - taken_over, self._is_whole)
