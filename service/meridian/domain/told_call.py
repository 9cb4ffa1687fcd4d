"""A recorded call, as far as one account may know it. What that is, is decided in `audit/told_calls.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum


class Effect(IntEnum):
    """What the policies answered to the whole call; the numbers of the contract."""

    NONE = 0
    ALLOW = 1
    DENY = 2


@dataclass(frozen=True, slots=True)
class ToldDecision:
    """One decision of a record; `number` is its place there."""

    number: int
    action: str
    resource: str
    is_abroad: bool
    """Whether it is about a key of another account."""
    allowed: bool
    policy_ids: tuple[str, ...]
    has_others: bool
    """Whether policies made it that are not the account's to read."""


@dataclass(frozen=True, slots=True)
class ToldCall:
    """A recorded call, as far as one account may know it."""

    event_id: str
    request_id: str
    called_at: datetime
    operation: str
    principal: str
    is_own: bool
    """Whether a principal of the account called."""
    keys: tuple[str, ...]
    effect: Effect
    error_code: str
    decisions: tuple[ToldDecision, ...]
