"""Answers to changes, for calls that repeat them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """What a change was answered, under the token of its caller."""

    account: str
    principal: str
    """SHA-256 of the caller's ARN, in hexadecimal digits."""
    token: str
    operation: str
    request_digest: bytes
    """SHA-256."""
    answer: bytes | None
    """The response message; None while the call that claimed the token is under way."""
    request_id: str
    expires_at: datetime


class Answers(Protocol):
    """Answers to changes, each under the token of its caller."""

    async def find(self, account: str, principal: str, token: str, *, now: datetime) -> AnswerRow | None:
        """The row, unless it has expired."""
        ...

    async def put(self, row: AnswerRow, *, keep: int) -> None:
        """Store it in place of the one of its name; the account keeps its newest, as many as `keep`. A principal with more than a quarter
        of these takes the place of his own oldest."""
        ...

    async def withdraw(self, account: str, principal: str, token: str, *, request_id: str) -> None:
        """Remove the claim of this call; an answer stays."""
        ...

    async def prune(self, *, now: datetime, limit: int) -> int:
        """Remove rows that have expired; the answer counts them."""
        ...
