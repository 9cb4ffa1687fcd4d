"""When keys were last used."""

from __future__ import annotations

from typing import Protocol

from meridian.call import Call
from meridian.ports.store.key_usage import KeyUse


class UsageNotes(Protocol):
    """Uses of keys: noted at the end of calls, written in batches."""

    def note(self, call: Call, event_id: str) -> None:
        """A successful call has ended, under this audit event."""
        ...

    async def find(self, account: str, key_id: str) -> KeyUse | None:
        """The last use that is known here, written or not. Raises: KmsError."""
        ...
