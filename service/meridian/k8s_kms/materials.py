"""Which material encrypts now, when Regions may say it one after the other.

The API server takes each change of `key_id` for a rotation. Related keys change to a new material one Region after the other; a Region that
is still behind must not undo what another has told already.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

KNOWN_MAX: Final = 17
"""So many materials are known in their order, the newest of all among them."""
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
        """Id of the one that is followed; empty before any was seen."""
        self._seen_at = 0.0
        self._known: list[str] = []
        """Oldest first, by when each was first seen; that order stays, also while an older one is followed."""

    def see(self, material_id: str, now: float) -> Standing:
        """Take note that a Region encrypts with this, at this monotonic second."""
        if material_id not in self._known:
            self._known = [*self._known, material_id][-KNOWN_MAX:]
        elif self._is_older(material_id) and now - self._seen_at < HOLD_SECONDS:
            return Standing.BEHIND
        self.current = material_id
        self._seen_at = now
        return Standing.CURRENT

    def _is_older(self, material_id: str) -> bool:
        """Than the one that is followed, which may have been forgotten as the oldest."""
        return self.current in self._known and self._known.index(material_id) < self._known.index(self.current)
