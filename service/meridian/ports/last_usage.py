"""When keys were last used, as far as this process knows before it is written."""

from __future__ import annotations

from typing import Protocol

from meridian.domain.call import Call
from meridian.ports.store_rows import KeyUse


class UsageNotes(Protocol):
    """Uses of keys that are on their way to the store."""

    def note(self, call: Call, event_id: str) -> None:
        """A successful call has ended, under this audit event."""
        ...

    def find_noted(self, account: str, key_id: str) -> KeyUse | None:
        """A use that is not written yet."""
        ...
