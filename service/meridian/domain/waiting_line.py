"""How many calls of a class may wait: no more than are served in a given time.

How old the first is tells nothing of a crowd that comes at once: none of it is old yet, and where all are let in, the last waits as long as
their number takes. So what is served in that time is learnt wherever somebody always waits, and that many wait.
"""

from __future__ import annotations

from math import inf
from typing import Final

LEARNT: Final = 0.25
"""What one look counts: a sync of the audit log may take as long as the time between two."""
LEAST: Final = 8
"""This part of those who may wait at most always may: the pace of a Region that stood still says nothing of the next one's."""


class WaitingLine:
    """Belongs to one gate. `most`: who may wait at any pace. `seconds`: that the last may wait; infinite where only `most` counts."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._length = float(most)
        self._has_waited = False

    def look(self, ended: int, passed: float, *, waits: bool) -> int:
        """How many may wait. So many calls have ended in the seconds that have passed since the last look; whether any waits now."""
        if waits and self._has_waited and self._seconds < inf:
            served = ended / passed * self._seconds
            self._length += LEARNT * (served - self._length)
            self._length = min(self._most, max(self._most / LEAST, self._length))
        self._has_waited = waits
        return int(self._length)
