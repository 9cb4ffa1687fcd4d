"""The recorded calls of one account of the last day, the newest of them, and the policies of its keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import orjson

from meridian.audit.told_calls import without_closed_keys
from meridian.domain.gates import RETRY_SECONDS
from meridian.errors import ThrottlingException
from meridian.ports.audit_history import AuditHistory, Record, Wanted
from meridian.ports.clock import Clock
from meridian.ports.heavy_work import HeavyWork
from meridian.ports.store.store import Store

BACK: Final = timedelta(days=1)
LOOKS_MAX: Final = 6
"""Of one gathering; each goes through a bounded number of records."""
LOOKING_MAX: Final = 4
"""Accounts for which calls are gathered at once."""
KEYS_MAX: Final = 200
"""Keys whose policies are looked up."""


@dataclass(frozen=True, slots=True)
class Recent:
    """What was found."""

    lines: tuple[bytes, ...]
    """Oldest first, as the log has them."""
    since: datetime
    is_whole: bool
    """Whether nothing of the day was left out."""
    key_policies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is kept of one look."""

    lines: list[bytes]
    keys: list[str]
    """Ids of the account's own."""
    reached: datetime | None
    """When the oldest was called."""


class RecentCalls:
    """Looks back."""

    def __init__(self, history: AuditHistory, store: Store, heavy: HeavyWork, clock: Clock) -> None:
        self._history = history
        self._store = store
        self._heavy = heavy
        self._clock = clock
        self._looking: set[str] = set()

    async def of(self, account: str, most: int) -> Recent:
        """At most so many calls of its principals. Of one account one look back is made at a time, and few of all, since what is found is
        kept until it is decided. Raises: ThrottlingException, DependencyTimeoutException, KMSInternalException."""
        if account in self._looking or len(self._looking) >= LOOKING_MAX:
            raise ThrottlingException(retry_after_seconds=RETRY_SECONDS, reason="others look back through recorded calls")
        self._looking.add(account)
        try:
            return await self._gathered(account, most)
        finally:
            self._looking.discard(account)

    async def _gathered(self, account: str, most: int) -> Recent:
        since = self._clock.now() - BACK
        shown = partial(without_closed_keys, account=account)
        wanted = Wanted(account.encode(), partial(is_call_of, account), since=since, shown=shown)
        lines: list[bytes] = []
        keys: dict[str, None] = {}
        place, reached = "", self._clock.now()
        for _ in range(LOOKS_MAX):
            found = await self._history.look(account, wanted, most=most - len(lines), place=place)
            kept = await self._heavy.run(account, partial(_kept, found.records, account))
            lines += kept.lines
            keys.update(dict.fromkeys(kept.keys[: KEYS_MAX - len(keys)]))
            place, reached = found.place, kept.reached or reached
            if not place or len(lines) >= most:
                break
        # What lies before a place was not looked at.
        return Recent(tuple(reversed(lines)), reached if place else since, not place, await self._key_policies(account, keys))

    async def _key_policies(self, account: str, names: Iterable[str]) -> tuple[str, ...]:
        async with self._store.reading() as uow:
            found = [await uow.keys.find(account, name) for name in names]
        return tuple(dict.fromkeys(key.policy for key in found if key is not None and key.policy))


def is_call_of(account: str, record: Record) -> bool:
    """Whether it is a decided call of a principal of this account, on more than keys of others that are closed to him."""
    caller, inner = record.get("userIdentity"), without_closed_keys(record, account).get("meridian")
    return isinstance(caller, dict) and caller.get("accountId") == account and isinstance(inner, dict) and bool(inner.get("decisions"))


def _own_keys(record: Record, account: str) -> Iterator[str]:
    facts: Any = record["meridian"].get("facts")
    keys = facts.get("keys") if isinstance(facts, dict) else None
    for key in keys.values() if isinstance(keys, dict) else ():
        if isinstance(key, dict) and key.get("account") == account and isinstance(key.get("keyId"), str):
            yield key["keyId"]


def _kept(records: Sequence[Record], account: str) -> _Kept:
    """Thousands of records are more than the event loop has time for."""
    keys = dict.fromkeys(name for record in records for name in _own_keys(record, account))
    reached = datetime.fromisoformat(records[-1]["eventTime"]) if records else None
    return _Kept([orjson.dumps(record) for record in records], list(keys), reached)
