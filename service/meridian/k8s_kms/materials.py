"""Which material encrypts now, when Regions may say it one after the other.

The API server takes each change of `key_id` for a rotation. Related keys change to a new material one Region after the other; a Region that
is still behind must not undo what another has told already.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final

BEFORE_MAX: Final = 16
"""So many materials before the current one are known as such."""
HOLD_SECONDS: Final = 120.0
"""How long a Region that is behind is not followed, counted from when another was last seen with the newer material. Then it is: cut off
from its relatives, it may stay so for days, and an API server that starts has to write. Less than the API server goes on without a new
answer."""


class Standing(Enum):
    """What a Region's material is to what was seen before."""

    CURRENT = "current"
    BEHIND = "behind"


class Materials:
    """What was seen of a key's materials in the life of this process."""

    def __init__(self) -> None:
        self.current = ""
        """Id of the newest; empty before any was seen."""
        self._seen_at = 0.0
        self._before: deque[str] = deque(maxlen=BEFORE_MAX)

    def see(self, material_id: str, now: float) -> Standing:
        """Take note that a Region encrypts with this, at this monotonic second."""
        if material_id in self._before and now - self._seen_at < HOLD_SECONDS:
            return Standing.BEHIND
        if material_id != self.current:
            if material_id in self._before:
                self._before.remove(material_id)
            if self.current:
                self._before.append(self.current)
            self.current = material_id
        self._seen_at = now
        return Standing.CURRENT

    def is_held(self, now: float) -> bool:
        """Whether what is current still counts although only Regions that are behind answer."""
        return bool(self.current) and now - self._seen_at < HOLD_SECONDS
