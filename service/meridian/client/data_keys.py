"""Data keys that are used more than once: optional, and bounded by age, by uses and by bytes."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

ENTRIES_MAX: Final = 1_000
"""Data keys that a cache holds: whoever names the keys and contexts is somebody else."""
SECONDS_MAX: Final = 86_400.0
USES_MAX: Final = 1 << 20
BYTES_MAX: Final = 1 << 50
Name = tuple[str, bytes, tuple[tuple[str, str], ...]]


@dataclass(slots=True, repr=False)
class DataKey:
    """A data key in the clear, and as the Region encrypted it."""

    plaintext: bytearray
    blob: bytes
    region: str
    """The Region that answered with it."""

    def wipe(self) -> None:
        """Overwrite it. What Python and gRPC have copied meanwhile is beyond reach."""
        self.plaintext[:] = bytes(len(self.plaintext))


@dataclass(slots=True)
class _Kept:
    key: DataKey
    until: float
    uses_left: int
    bytes_left: int


@dataclass(slots=True)
class DataKeyCache:
    """Keeps the data keys of an `Envelope`, so that many small things cost one call. Threads may share it.

    Each limit counts by itself: a data key is not used after `seconds`, for more than `uses` envelopes, or for more than `bytes_sealed`
    bytes of data. One that opens envelopes is kept for `seconds` and `uses`. A key that was disabled at the Region works here until then.
    """

    seconds: float
    uses: int
    bytes_sealed: int
    _kept: OrderedDict[Name, _Kept] = field(default_factory=OrderedDict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        """Raises: ValueError for a limit that is none."""
        for name, value, most in (
            ("seconds", self.seconds, SECONDS_MAX),
            ("uses", self.uses, USES_MAX),
            ("bytes_sealed", self.bytes_sealed, BYTES_MAX),
        ):
            if not 0 < value <= most:
                raise ValueError(f"{name}: must be more than 0 and {most:,.0f} at most")

    def take(self, name: Name, size: int | None) -> DataKey | None:
        """A data key for one more envelope; None where there is none that may be used so.

        `size` are the bytes of data, None where nobody knows how many: no kept key seals those.
        """
        with self._lock:
            kept = self._kept.get(name)
            if kept is None:
                return None
            needed = self.bytes_sealed if size is None else size
            if time.monotonic() >= kept.until or kept.uses_left <= 0:
                self._drop(name)
                return None
            if kept.bytes_left < needed:
                return None
            kept.uses_left -= 1
            kept.bytes_left -= needed
            self._kept.move_to_end(name)
            return DataKey(bytearray(kept.key.plaintext), kept.key.blob, kept.key.region)

    def keep(self, name: Name, key: DataKey, size: int | None) -> None:
        """Keep a copy of a data key that is used for `size` bytes now; not one whose limits that reaches."""
        left = self.bytes_sealed - (self.bytes_sealed if size is None else size)
        if self.uses <= 1 or left <= 0:
            return
        with self._lock:
            self._drop(name)
            copy = DataKey(bytearray(key.plaintext), key.blob, key.region)
            self._kept[name] = _Kept(copy, time.monotonic() + self.seconds, self.uses - 1, left)
            while len(self._kept) > ENTRIES_MAX:
                self._drop(next(iter(self._kept)))

    def clear(self) -> None:
        """Forget and overwrite every data key."""
        with self._lock:
            for name in list(self._kept):
                self._drop(name)

    def _drop(self, name: Name) -> None:
        if (kept := self._kept.pop(name, None)) is not None:
            kept.key.wipe()


def name_of(what: str, value: bytes, context: Mapping[str, str]) -> Name:
    """What a data key is found by: a key that seals, or a blob that is opened, each with its encryption context."""
    return what, value, tuple(sorted(context.items()))
