"""What a process keeps by name to save work: bounded in entries, and all of it together in bytes.

A hot name is kept longer than one that was asked for once: what leaves is the oldest that was not asked for since it was looked at last.
An entry may belong to keys, and leaves with their version: one word forgets a key in every cache. It was made for a caller of some
account: where there is no room, an account that has more than its share gives way itself. Nothing takes long: what is forgotten is out
of reach at once, and freed piece by piece; until then its bytes count.

INVARIANT: after each `keep`, the bytes of all caches are at most the bound of the process.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable
from threading import RLock
from typing import Any, Final, Generic, TypeVar

from meridian.domain.cache_entries import Entry, Lookups, Owned, Owner, Share
from meridian.domain.weights import ENTRY_BYTES

N = TypeVar("N", bound=Hashable)
V = TypeVar("V")

CHANCES: Final = 8
"""How many entries that were asked for are passed over before one leaves all the same."""
SHARE: Final = 4
"""An account that has more than this part of the bytes, or of the entries of a cache, makes room for its next entry from its own."""
ROOM: Final = 16
"""This part of the bytes is kept free, by `tidy` and by accounts that have more than their share, so that what is large finds room."""
AT_ONCE: Final = 32
"""Entries that leave for another one at most."""
TIDIED_AT_ONCE: Final = 128
"""Entries that leave by one `tidy`."""
FREED_AT_ONCE: Final = 8
"""Entries of each cache that are freed with their owner."""
BYTES_AT_ONCE: Final = 1 << 20
"""When so much has left, the rest waits: few entries may be large."""
EVERYBODY: Final = ""
"""In the place of an account: made for none in particular."""


class Caches:
    """All caches of a process, with one bound of bytes: who has most gives way first. Changes are made under one lock, for schemas are
    kept by threads; looking needs none."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self._bytes_wanted = bytes_max - bytes_max // ROOM
        self._all: dict[str, BoundedCache[Any, Any]] = {}
        self.lookups: dict[str, Lookups] = {}
        self.lock = RLock()
        self.bytes = 0
        """Of all caches together."""
        self.has_forgotten = False  # whether any cache may hold what was forgotten and is not freed yet

    def add(self, name: str, cache: BoundedCache[Any, Any]) -> Lookups:
        """Count a cache from now on, and what is looked for in it. Raises: ValueError if one of this name is counted."""
        with self.lock:
            if name in self._all:
                raise ValueError(f"two caches are called {name}")
            self._all = {**self._all, name: cache}
            return self.lookups.setdefault(name, Lookups())

    def remove(self, cache: BoundedCache[Any, Any]) -> None:
        """Count a cache no longer; what it holds is freed by somebody else."""
        with self.lock:
            self._all = {name: each for name, each in self._all.items() if each is not cache}
            self.bytes -= cache.bytes

    def forget(self, owner: Owner) -> None:
        """Forget in every cache what belongs to this owner."""
        for cache in self._all.values():
            cache.forget(owner)

    def forget_everything_owned(self) -> None:
        """Forget everything in every cache where anything belongs to an owner."""
        for cache in self._all.values():
            cache.forget_everything()

    def make_room(self, account: str) -> bool:
        """Come back under the bound, after something was kept for this account; false where too much would have to leave at once."""
        self._free_one()  # always: so what was forgotten does not grow
        for _ in range(AT_ONCE):
            if self._is_room_for(account):
                return True
            if self._free_one():
                continue
            if self._is_over_share(account):
                max(self._all.values(), key=lambda cache: cache.bytes_of(account)).drop_oldest(account)
            else:
                self._with_most.drop_oldest(EVERYBODY)
        return self._is_room_for(account)

    def tidy(self) -> None:
        """Do some of what need not be done at once: free what was forgotten, then room for what is large."""
        with self.lock:
            until = self.bytes - BYTES_AT_ONCE
            for _ in range(TIDIED_AT_ONCE):
                if self.bytes <= until:
                    return
                if self._free_one():
                    continue
                if self.bytes <= self._bytes_wanted:
                    return
                self._with_most.drop_oldest(EVERYBODY)

    def sizes(self) -> list[tuple[str, int, int]]:
        """Name, entries and bytes of each cache."""
        return [(name, len(cache), cache.bytes) for name, cache in self._all.items()]

    def _is_room_for(self, account: str) -> bool:
        return self.bytes <= self._bytes_wanted or (self.bytes <= self.bytes_max and not self._is_over_share(account))

    def _is_over_share(self, account: str) -> bool:
        return account != EVERYBODY and sum(cache.bytes_of(account) for cache in self._all.values()) > self.bytes_max // SHARE

    def _free_one(self) -> bool:
        self.has_forgotten = self.has_forgotten and any(cache.free_one() for cache in self._all.values())
        return self.has_forgotten

    @property
    def _with_most(self) -> BoundedCache[Any, Any]:
        return max(self._all.values(), key=lambda cache: cache.bytes)


class BoundedCache(Generic[N, V]):
    """One cache. `weigh` says about how many bytes a name and its value take, without what every entry costs; `left` is called with the
    name of each entry that leaves, but by `forget_everything`, which whoever depends on it forgets too."""

    def __init__(self, caches: Caches, name: str, *, most: int, weigh: Callable[[N, V], int], left: Callable[[N], None]) -> None:
        self._caches, self._most, self._weigh, self._left = caches, most, weigh, left
        # Ordered, not a plain dict: there the first entry is searched for among all that left before it.
        self._kept: OrderedDict[N, Entry] = OrderedDict()
        self._owned: dict[Owner, Owned] = {}
        self._shares: defaultdict[str, Share] = defaultdict(Share)
        self._forgotten: list[Owned] = []
        self._wiped: list[dict[Any, Any]] = []
        self._is_counted = True
        self.bytes = 0
        self._lookups = caches.add(name, self)

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, name: N) -> V | None:
        """What is kept under a name."""
        entry = self._kept.get(name)
        if entry is None:
            self._lookups.misses += 1
            return None
        for owned in entry.owned:
            if owned.is_forgotten:
                self._lookups.misses += 1
                return None
        self._lookups.hits += 1
        entry.is_used = True
        value: V = entry.value
        return value

    def entry(self, name: N) -> Entry | None:
        """For who relies on what is kept without asking again, and says by `is_used` when he does."""
        return self._kept.get(name)

    def keep(self, name: N, value: V, owners: Iterable[Owner], account: str) -> None:
        """Have a value in memory from now on, made for a caller of this account; nothing is kept of one that is too large for all the
        memory, or for which too much would have to leave."""
        weight = ENTRY_BYTES + self._weigh(name, value)
        with self._caches.lock:
            if not self._is_counted:
                return
            if name in self._kept:
                self._drop(name)
            if weight > self._caches.bytes_max:  # it would leave last, after everything of this cache
                self._left(name)
                return
            entry = Entry(value, weight, account, tuple(self._owned_by(owner) for owner in dict.fromkeys(owners)))
            self._kept[name] = entry
            for owned in entry.owned:
                owned.names[name] = None
            self._shares[account].names[name] = None
            self._count(entry, 1)
            if len(self._kept) > self._most:
                self._drop_one(account)
            if not self._caches.make_room(account) and name in self._kept:
                self._drop(name)

    def of(self, owner: Owner) -> frozenset[N]:
        """Names of what belongs to an owner."""
        owned = self._owned.get(owner)
        return frozenset(owned.names) if owned is not None else frozenset()

    @property
    def owners(self) -> list[Owner]:
        """Everybody to whom something belongs."""
        return list(self._owned)

    def bytes_of(self, account: str) -> int:
        """Bytes of what was made for callers of an account."""
        return self._shares[account].bytes if account in self._shares else 0

    def forget(self, owner: Owner) -> None:
        """Forget what belongs to an owner."""
        if owner in self._owned:
            with self._caches.lock:
                self._owned_by(owner).is_forgotten = True
                self._forgotten.append(self._owned.pop(owner))
                self._free_some()

    def forget_everything(self) -> None:
        """Forget all, if any of it belongs to an owner."""
        with self._caches.lock:
            if not self._owned:
                return
            self._wiped += [share.take_names() for share in self._shares.values()]
            self._wiped += [dict(enumerate(self._forgotten)), self._owned, self._kept]
            self._kept, self._owned, self._forgotten = OrderedDict(), {}, []
            self._free_some()

    def free_one(self) -> bool:
        """Free something that was forgotten; false where there is nothing."""
        while self._forgotten:
            if self._forgotten[-1].names:
                self._drop(self._forgotten[-1].names.popitem()[0])
                return True
            self._forgotten.pop()
        while self._wiped:
            if self._wiped[-1]:
                _, gone = self._wiped[-1].popitem()
                if isinstance(gone, Entry):
                    self._count(gone, -1)
                elif isinstance(gone, Owned):
                    self._wiped.append(gone.names)
                return True
            self._wiped.pop()
        return False

    def drop_oldest(self, account: str) -> None:
        """Let one entry go: of those that were made for this account, or of all."""
        order: OrderedDict[N, Any] = self._kept if account == EVERYBODY else self._shares[account].names
        if not order:
            return
        for _ in range(CHANCES):
            name = next(iter(order))
            entry = self._kept[name]
            if not entry.is_used:
                break
            entry.is_used = False
            order.move_to_end(name)
        self._drop(next(iter(order)))

    def retire(self) -> tuple[dict[Any, Any], ...]:
        """Keep nothing any more and be counted no longer; what was kept is freed by the caller, piece by piece."""
        with self._caches.lock:
            self._caches.remove(self)
            self._is_counted, self.bytes = False, 0
            orders = [share.names for share in self._shares.values()]
            kept: tuple[dict[Any, Any], ...] = (self._kept, self._owned, dict(enumerate(self._forgotten)), *self._wiped, *orders)
            self._kept, self._owned, self._shares, self._forgotten, self._wiped = OrderedDict(), {}, defaultdict(Share), [], []
        return kept

    def _free_some(self) -> None:
        self._caches.has_forgotten = True
        until = self.bytes - BYTES_AT_ONCE
        for _ in range(FREED_AT_ONCE):
            if self.bytes <= until or not self.free_one():
                return

    def _drop_one(self, account: str) -> None:
        """Let one entry go after one was kept for this account."""
        if not self.free_one():
            self.drop_oldest(account if len(self._shares[account].names) > self._most // SHARE else EVERYBODY)

    def _drop(self, name: N) -> None:
        entry = self._kept.pop(name)
        del self._shares[entry.account].names[name]
        self._count(entry, -1)
        for owned in entry.owned:
            owned.names.pop(name, None)
            if not owned.names and not owned.is_forgotten:
                del self._owned[owned.owner]
        self._left(name)

    def _owned_by(self, owner: Owner) -> Owned:
        owned = self._owned.get(owner)
        if owned is None:
            owned = self._owned[owner] = Owned(owner)
        return owned

    def _count(self, entry: Entry, times: int) -> None:
        weight = times * entry.weight
        self.bytes += weight
        self._caches.bytes += weight
        share = self._shares[entry.account]
        share.bytes += weight
        if not share.bytes:
            del self._shares[entry.account]


def nobody(_: Hashable) -> None:
    """For caches whose entries nobody depends on."""
