"""What a process keeps by name to save work: bounded in entries, and all of it together in bytes.

A hot name is kept longer than one that was asked for once: what leaves is the oldest that was not asked for since it was looked at last.
An entry may belong to keys, and leaves with their version: one word forgets a key in every cache, so that none can be left out.

INVARIANT: after each `keep`, the bytes of all caches are at most the bound of the process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from threading import RLock
from typing import Any, Final, Generic, TypeVar

from meridian.domain.weights import ENTRY_BYTES

N = TypeVar("N", bound=Hashable)
V = TypeVar("V")

CHANCES: Final = 8
"""How many entries that were asked for are passed over before one leaves all the same."""

Owner = Hashable
"""What entries belong to: account and id of a key, or the name of an entry that they are made from."""


def key_owner(account: str, key_id: str) -> Owner:
    """Owner of what is kept about a key, whatever its version."""
    return (account, key_id)


class _Entry:
    __slots__ = ("is_used", "owners", "value", "weight")

    def __init__(self, value: Any, weight: int, owners: tuple[Owner, ...]) -> None:
        self.value, self.weight, self.owners, self.is_used = value, weight, owners, False


class Caches:
    """All caches of a process, with one bound of bytes: who has most gives way first. Changes are made under one lock, for schemas are
    kept by threads; looking needs none.
    """

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self._all: dict[str, BoundedCache[Any, Any]] = {}
        self.lock = RLock()
        self.bytes = 0
        """Of all caches together."""

    def add(self, name: str, cache: BoundedCache[Any, Any]) -> None:
        """Count a cache from now on. Raises: ValueError if one of this name is counted."""
        if name in self._all:
            raise ValueError(f"two caches are called {name}")
        self._all[name] = cache

    def remove(self, cache: BoundedCache[Any, Any]) -> None:
        """Count a cache no longer; what it holds is freed by somebody else."""
        with self.lock:
            self._all = {name: each for name, each in self._all.items() if each is not cache}
            self.bytes -= cache.bytes

    def forget(self, owner: Owner) -> None:
        """Forget in every cache what belongs to this owner."""
        for cache in list(self._all.values()):
            cache.forget(owner)

    def forget_everything_owned(self) -> None:
        """Forget in every cache what belongs to any owner."""
        for cache in list(self._all.values()):
            for owner in cache.owners:
                cache.forget(owner)

    def shrink(self) -> None:
        """Come back under the bound."""
        while self.bytes > self.bytes_max:
            max(self._all.values(), key=lambda cache: cache.bytes).drop_one()

    def sizes(self) -> list[tuple[str, int, int]]:
        """Name, entries and bytes of each cache."""
        return [(name, len(cache), cache.bytes) for name, cache in list(self._all.items())]


class BoundedCache(Generic[N, V]):
    """One cache. `weigh` says about how many bytes a name and its value take, without what every entry costs; `left` is called with the
    name of each entry that leaves."""

    def __init__(self, caches: Caches, name: str, *, most: int, weigh: Callable[[N, V], int], left: Callable[[N], None]) -> None:
        self._caches, self._most, self._weigh, self._left = caches, most, weigh, left
        # Ordered, not a plain dict: there the first entry is searched for among all that left before it.
        self._kept: OrderedDict[N, _Entry] = OrderedDict()
        self._owned: dict[Owner, set[N]] = {}
        self._is_counted = True
        self.bytes = 0
        caches.add(name, self)

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, name: N) -> V | None:
        """What is kept under a name."""
        entry = self._kept.get(name)
        if entry is None:
            return None
        entry.is_used = True
        value: V = entry.value
        return value

    def keep(self, name: N, value: V, owners: Iterable[Owner]) -> None:
        """Have a value in memory from now on; of one that is too large for all the memory nothing is kept."""
        entry = _Entry(value, ENTRY_BYTES + self._weigh(name, value), tuple(dict.fromkeys(owners)))
        with self._caches.lock:
            if not self._is_counted:
                return
            if name in self._kept:
                self._drop(name)
            if entry.weight > self._caches.bytes_max:  # it would leave last, after everything of this cache
                self._left(name)
                return
            self._kept[name] = entry
            self._count(entry.weight)
            for owner in entry.owners:
                self._owned.setdefault(owner, set()).add(name)
            if len(self._kept) > self._most:
                self.drop_one()
            self._caches.shrink()

    def of(self, owner: Owner) -> frozenset[N]:
        """Names of what belongs to an owner."""
        return frozenset(self._owned.get(owner, ()))

    @property
    def owners(self) -> list[Owner]:
        """Everybody to whom something belongs."""
        return list(self._owned)

    def forget(self, owner: Owner) -> None:
        """Forget what belongs to an owner."""
        if owner in self._owned:
            with self._caches.lock:
                for name in self.of(owner):
                    self._drop(name)

    def drop_one(self) -> None:
        """Let one entry go."""
        for _ in range(CHANCES):
            name = next(iter(self._kept))
            entry = self._kept[name]
            if not entry.is_used:
                break
            entry.is_used = False
            self._kept.move_to_end(name)
        self._drop(next(iter(self._kept)))

    def retire(self) -> tuple[dict[Any, Any], ...]:
        """Keep nothing any more and be counted no longer; what was kept is freed by the caller, piece by piece."""
        with self._caches.lock:
            self._caches.remove(self)
            self._is_counted, self.bytes = False, 0
            kept: tuple[dict[Any, Any], ...] = (self._kept, self._owned)
            self._kept, self._owned = OrderedDict(), {}
        return kept

    def _drop(self, name: N) -> None:
        entry = self._kept.pop(name)
        self._count(-entry.weight)
        for owner in entry.owners:
            names = self._owned[owner]
            names.discard(name)
            if not names:
                del self._owned[owner]
        self._left(name)

    def _count(self, weight: int) -> None:
        self.bytes += weight
        self._caches.bytes += weight


def nobody(_: Hashable) -> None:
    """For caches whose entries nobody depends on."""
