"""Keys in memory, kept true by the change feed.

INVARIANT: a key enters only if nothing about it was forgotten since its reading began, so a slow reader cannot put an old key
back over a newer one. The same holds for what a caller of another account has found, or has not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from meridian.adapters.looks_abroad import KeyName, Look, LooksAbroad
from meridian.domain.bounded_cache import BoundedCache, Caches, nobody
from meridian.domain.cache_entries import Owner, key_owner
from meridian.domain.grant import Grant
from meridian.domain.key import Key
from meridian.domain.weights import deep_bytes
from meridian.errors import KMSInternalException
from meridian.ports.clock import Clock
from meridian.ports.store.faults import FeedPruned
from meridian.ports.store.store import Store, UnitOfWork

ENTRIES_MAX: Final = 100_000
SPELLINGS_PER_KEY: Final = 4
GRANTS_MAX: Final = 100_000
"""Pairs of a key and a principal whose grants are kept, with none of them too."""
READING_SECONDS: Final = 0.25
STALENESS_SECONDS_MAX: Final = 5.0
CHANGES_PER_READING: Final = 1000
CHANGES_AT_ONCE: Final = 20
"""Then others have their turn."""

ALIAS_PREFIX: Final = "alias/"


class CachedKeys:
    """Implements `ports.key_directory.KeyDirectory`."""

    def __init__(self, store: Store, clock: Clock, caches: Caches) -> None:
        self._store = store
        self._clock = clock
        self._caches = caches
        self._keys: BoundedCache[KeyName, Key] = BoundedCache(caches, "keys", most=ENTRIES_MAX, weigh=deep_bytes, left=nobody)
        self._numbers: BoundedCache[tuple[bytes, bool], KeyName] = BoundedCache(
            caches, "key numbers", most=ENTRIES_MAX, weigh=deep_bytes, left=nobody
        )
        self._spellings: BoundedCache[tuple[str, str], KeyName] = BoundedCache(
            caches, "spellings", most=ENTRIES_MAX * SPELLINGS_PER_KEY, weigh=deep_bytes, left=nobody
        )
        self._grants: BoundedCache[tuple[KeyName, str], tuple[Grant, ...]] = BoundedCache(
            caches, "grants", most=GRANTS_MAX, weigh=deep_bytes, left=nobody
        )
        self._looks = LooksAbroad(clock)
        self._forgotten = 0
        self._last_change = 0
        self._good_until = 0.0

    async def start(self) -> None:
        """Begin at the newest change. Raises: KMSInternalException if the store cannot be read."""
        async with self._store.reading() as uow:
            self._last_change = await uow.region.last_change()
        self._good_until = self._clock.monotonic() + STALENESS_SECONDS_MAX

    async def read_changes(self) -> bool:
        """Forget what has changed since the last reading; true where there is more. Four times a second, else calls are denied; each
        reading also does some of what the caches have left to do.

        Raises: StoreUnavailable.
        """
        self._caches.tidy()
        began = self._clock.monotonic()
        try:
            async with self._store.reading() as uow:
                changes = await uow.region.changes_after(self._last_change, limit=CHANGES_PER_READING)
        except FeedPruned:
            # This process stood still for longer than the feed reaches back: nothing that it remembers counts.
            async with self._store.reading() as uow:
                self._last_change = await uow.region.last_change()
            self.forget_everything()
            self._good_until = began + STALENESS_SECONDS_MAX
            return False
        for count, change in enumerate(changes, 1):
            self.forget(change.account, change.key_id)
            self._last_change = change.number
            if count % CHANGES_AT_ONCE == 0:
                await asyncio.sleep(0)
        if len(changes) < CHANGES_PER_READING:
            self._good_until = began + STALENESS_SECONDS_MAX
        return len(changes) == CHANGES_PER_READING

    def nothing_changed(self, at: float) -> None:
        """Nobody had committed anything since the last reading at this moment, in monotonic seconds: it counts as one."""
        self._caches.tidy()
        self._good_until = at + STALENESS_SECONDS_MAX

    def trouble(self) -> str:
        """Why no call would be answered now, or nothing."""
        late = self._clock.monotonic() - self._good_until
        return f"change feed: not read for {late + STALENESS_SECONDS_MAX:.0f} s" if late > 0 else ""

    def find_cached(self, account: str, text: str) -> Key | None:
        self._require_fresh()
        name = self._spellings.get((account, text))
        return self._keys.get(name) if name is not None else None

    def find_cached_number(self, number: bytes, *, multi_region: bool) -> Key | None:
        self._require_fresh()
        name = self._numbers.get((number, multi_region))
        return self._keys.get(name) if name else None

    async def find(self, account: str, key_id: str) -> Key | None:
        self._require_fresh()
        known = self._keys.get((account, key_id))
        if known is not None:
            return known
        before = self._forgotten
        async with self._store.reading() as uow:
            key = await uow.keys.find(account, key_id)
        return self._keep(key, before)

    async def find_abroad(self, caller: str, account: str, name: str) -> Key | None:
        async def locate(uow: UnitOfWork) -> KeyName | None:
            if not name.startswith(ALIAS_PREFIX):
                return await uow.keys.locate(account, name)
            row = await uow.aliases.find(account, name)
            return None if row is None else (account, row.key_id)

        return await self._abroad((caller, account, name), locate)

    async def find_by_number(self, caller: str, number: bytes, *, multi_region: bool) -> Key | None:
        known = self.find_cached_number(number, multi_region=multi_region)
        if known is not None and known.account == caller:
            return known

        async def locate(uow: UnitOfWork) -> KeyName | None:
            return await uow.keys.locate_number(number, multi_region=multi_region)

        return await self._abroad((caller, number, multi_region), locate)

    async def _abroad(self, look: Look, locate: Callable[[UnitOfWork], Awaitable[KeyName | None]]) -> Key | None:
        self._require_fresh()
        if not self._looks.is_known(look):
            before = self._forgotten
            async with self._store.reading() as uow:
                found = await locate(uow)
                own = await uow.keys.find(*found) if found is not None and found[0] == look[0] else None
            if own is not None:  # the caller's own key, named by a ciphertext
                return self._keep(own, before)
            if self._forgotten != before:  # something changed meanwhile: true then, perhaps not now, and not to be kept
                return await self.find(*found) if found is not None else None
            self._looks.remember(look, found)
        name = self._looks.found(look)
        return await self.find(*name) if name is not None else None

    async def find_by_alias(self, account: str, alias_name: str) -> Key | None:
        self._require_fresh()
        before = self._forgotten
        async with self._store.reading() as uow:
            row = await uow.aliases.find(account, alias_name)
            key = await uow.keys.find(account, row.key_id) if row is not None else None
        return self._keep(key, before)

    def find_cached_grants(self, key: Key, principal_arn: str) -> tuple[Grant, ...] | None:
        self._require_fresh()
        return self._grants.get(((key.account, key.key_id), principal_arn))

    async def find_grants(self, key: Key, principal_arn: str, meant: Collection[str]) -> tuple[Grant, ...]:
        before = self._forgotten
        async with self._store.reading() as uow:
            found = tuple(await uow.grants.of_principals(key.account, key.key_id, meant))
        name = (key.account, key.key_id)
        if self._forgotten == before and self._keys.get(name) is not None:
            self._grants.keep((name, principal_arn), found, (key_owner(*name),), key.account)
        return found

    def remember(self, account: str, text: str, key: Key) -> None:
        name = (key.account, key.key_id)
        if self._keys.get(name) is not key:
            return
        owner = key_owner(*name)
        if self._spellings.get((account, text)) != name and len(self._spellings.of(owner)) < SPELLINGS_PER_KEY:
            self._spellings.keep((account, text), name, (owner,), account)

    def forget(self, account: str, key_id: str) -> None:
        self._forgotten += 1
        self._looks.forget(account)
        self._caches.forget(key_owner(account, key_id))

    def forget_everything(self) -> None:
        """Remember no key any more."""
        self._caches.forget_everything_owned()
        self._looks.forget_everything()
        self._forgotten += 1

    def _keep(self, key: Key | None, forgotten_before: int) -> Key | None:
        if key is not None and self._forgotten == forgotten_before:
            name = (key.account, key.key_id)
            owners = _owners(key)
            self._keys.keep(name, key, owners, key.account)
            self._numbers.keep((key.number, key.multi_region is not None), name, owners, key.account)
        return key

    def _require_fresh(self) -> None:
        if self._clock.monotonic() > self._good_until:
            raise KMSInternalException(reason="the change feed was not read within the staleness bound")


def _owners(key: Key) -> tuple[Owner, ...]:
    """A change of its store changes a key too."""
    own = key_owner(key.account, key.key_id)
    return (own, key_owner(key.account, key.custom_key_store_id)) if key.custom_key_store_id else (own,)
