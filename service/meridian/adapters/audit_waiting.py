"""Who waits for a record to be durable, and which changes a stream has been given.

A caller may have left, or been sent away for a slow disk, and his record is written all the same: the stream alone knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from meridian.audit.record import Record
from meridian.errors import DependencyTimeoutException


class Waiting(NamedTuple):
    """A record, and who waits for it."""

    record: Record
    is_promised: bool
    """Whether space was set aside for it."""
    change: str
    """The event id of a change that stands already; otherwise empty."""
    done: asyncio.Future[None]
    is_last: bool
    """Of those that wait together: they are durable when it is, unless one before it was refused."""


class StreamFigures(NamedTuple):
    """What operators see of a stream."""

    records: int
    """Durable ones."""
    waiting: int
    """Records that are not durable yet."""
    syncs: int
    free_bytes: int
    """What the disk had left, a second ago at most."""
    digest_age: float
    """Seconds since the last digest was signed."""


class GivenChanges:
    """Event ids, between the moment a stream gets a record and the moment its stored event may be forgotten."""

    def __init__(self) -> None:
        self._waiting: set[str] = set()
        self._durable: list[str] = []

    def begin(self, event_id: str) -> None:
        """The stream has this record now."""
        self._waiting.add(event_id)

    def end(self, event_ids: Iterable[str], *, durable: bool) -> None:
        """What became of these; ids that are no change's are passed over."""
        ended = [event_id for event_id in event_ids if event_id in self._waiting]
        self._waiting.difference_update(ended)
        if durable:
            self._durable += ended

    def holds(self, event_id: str) -> bool:
        """Whether this record is in the stream, or may yet be."""
        return event_id in self._waiting or event_id in self._durable

    def take(self) -> list[str]:
        """What became durable since this was last asked."""
        durable, self._durable = self._durable, []
        return durable


def _refusal(fault: OSError) -> DependencyTimeoutException:
    return DependencyTimeoutException("The audit log does not accept records.", reason=f"audit sink: {fault.strerror or fault}")


def settle(done: asyncio.Future[None], fault: OSError | None) -> None:
    """Tell who waits how it ended, unless he has left."""
    if done.done():
        return
    if fault is None:
        done.set_result(None)
    else:
        done.set_exception(_refusal(fault))
