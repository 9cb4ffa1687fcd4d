"""For whom a thread of heavy work is working, so that what it asks of others in turn is charged to the same account."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, TypeVar

T = TypeVar("T")

NOBODY: Final = ""
_ACCOUNT: Final[ContextVar[str]] = ContextVar("served_account", default=NOBODY)


def serving(account: str, work: Callable[[], T]) -> T:
    """What `work` answers, done for this account."""
    before = _ACCOUNT.set(account)
    try:
        return work()
    finally:
        _ACCOUNT.reset(before)


def served_account() -> str:
    """The account that this thread works for; nobody where the service works for itself, as at its start."""
    return _ACCOUNT.get()
