"""What is waited for, and how long: a key that works, and a key that has turned to another material."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from meridian.client import words
from meridian.client.attempts import require_seconds
from meridian.client.errors import DeadlineExceeded
from meridian.kms.v1 import types_pb2

PAUSE_SECONDS: Final = 0.1
"""Before the second look; each later pause is half as long again."""
PAUSE_SECONDS_MAX: Final = 2.0
PASSING: Final = frozenset({"Creating", "Updating", "Unavailable", None})
"""States that a key leaves by itself; Unavailable ends when its key store is connected again. None is one of a newer Region."""

Reached = Callable[[types_pb2.KeyMetadata], bool]


class NeverReachedError(Exception):
    """What is waited for does not come by itself: somebody has to do something first."""


def is_enabled(key: types_pb2.KeyMetadata) -> bool:
    """Whether the key works. Raises: NeverReachedError for a state that it does not leave by itself."""
    state = words.KEY_STATE.word(key.key_state)
    if state != "Enabled" and state not in PASSING:
        raise NeverReachedError(f"{key.arn} is {state}, and will not be Enabled by itself")
    return state == "Enabled"


def is_rotated_from(material_id: str) -> Reached:
    """Whether a key encrypts with another material than this one. Raises: NeverReachedError for a key without materials."""

    def reached(key: types_pb2.KeyMetadata) -> bool:
        if not key.current_key_material_id:
            raise NeverReachedError(f"{key.arn} has no material that rotates")
        return key.current_key_material_id != material_id

    return reached


def is_connected(store: types_pb2.CustomKeyStoresListEntry) -> bool:
    """Whether a custom key store is connected. Raises: NeverReachedError for a state that it does not leave by itself."""
    state = words.CONNECTION_STATE_TYPE.word(store.connection_state)
    if state not in ("CONNECTED", "CONNECTING", None):
        raise NeverReachedError(f"{store.custom_key_store_id} is {state}, and will not be CONNECTED by itself")
    return state == "CONNECTED"


@dataclass(slots=True)
class Waiting:
    """One wait: how much of its time is left, and how long until the next look."""

    what: str
    until: float
    pause: float = PAUSE_SECONDS

    @classmethod
    def begin(cls, what: str, seconds: float) -> Waiting:
        """Raises: ValueError."""
        require_seconds(seconds)
        return cls(what, time.monotonic() + seconds)

    @property
    def seconds_left(self) -> float:
        """Raises: DeadlineExceeded."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise self.late()
        return left

    def late(self) -> DeadlineExceeded:
        """What the wait ends with when its time is over, whether between two looks or within one."""
        return DeadlineExceeded("DEADLINE_EXCEEDED", f"not reached in time: {self.what}", "", {}, (), None)

    def next_pause(self) -> float:
        """Raises: DeadlineExceeded."""
        pause, self.pause = min(self.pause, self.seconds_left), min(1.5 * self.pause, PAUSE_SECONDS_MAX)
        return pause
