"""Wrapping keys of imports under way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ImportKeyRow:
    """The private half of a wrapping key that was given out, with the token that names it."""

    token_id: str
    """32 lower-case hexadecimal digits."""
    account: str
    key_id: str
    wrapping_key_spec: str
    sealed_bytes: bytes
    expires_at: datetime
    failed_tries: int = 0


class ImportKeys(Protocol):
    """Wrapping keys of imports under way."""

    async def insert(self, row: ImportKeyRow) -> None: ...

    async def find(self, token_id: str) -> ImportKeyRow | None: ...

    async def take_try(self, token_id: str, *, tries_max: int) -> ImportKeyRow | None:
        """Count a try before it is made, whoever else does so now; None where none is left. The last one takes the row with it."""
        ...

    async def give_back_try(self, token_id: str) -> None:
        """The try that was taken did not fail."""
        ...

    async def delete_expired(self, *, now: datetime) -> None: ...

    async def delete_of_key(self, account: str, key_id: str) -> None: ...
