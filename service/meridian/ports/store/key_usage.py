"""When keys were last used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class KeyUse:
    """The last successful cryptographic call on a key."""

    account: str
    key_id: str
    operation: str
    used_at: datetime
    event_id: str
    """Of its audit record."""
    request_id: str


class KeyUsage(Protocol):
    """When keys were last used."""

    async def find(self, account: str, key_id: str) -> KeyUse | None: ...

    async def write(self, uses: Iterable[KeyUse]) -> None:
        """Keep each, unless a later one is kept already."""
        ...
