"""What is kept by name up to a number of entries, and is small: a value that is large, or belongs to a key, goes into a `BoundedCache`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

N = TypeVar("N", bound=Hashable)
V = TypeVar("V")


class Newest(Generic[N, V]):
    """The `most` values that were put last. Looking one up does not make it newer."""

    __slots__ = ("_kept", "_most")

    def __init__(self, most: int) -> None:
        self._kept: OrderedDict[N, V] = OrderedDict()
        self._most = most

    def get(self, name: N) -> V | None:
        """What was put last under this name; None where that was given up, or never put."""
        return self._kept.get(name)

    def put(self, name: N, value: V) -> V:
        """Keep a value, which is also the answer; the oldest goes where there are too many."""
        self._kept[name] = value
        self._kept.move_to_end(name)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return value

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)
