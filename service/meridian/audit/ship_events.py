"""Each event of a committed change is written once, by the one process that holds its lease.

The lease is taken in the transaction of the change, and given up when the event stands in the stream. Where a process dies, another
takes over what it held: at once where it finds the dead stream in its own directory and can look there, otherwise when the lease has
ended. What nobody can look for is written again, and names the stream that may hold it as `meridian.takenFrom`.

INVARIANT: one transaction registers the head of the stream and forgets the events up to there; so an event that is stored never
stands before the registered head of the stream that holds it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import inf
from typing import Final

import orjson

from meridian.audit.record import Record
from meridian.contract.call_times import wait_through
from meridian.errors import DependencyTimeoutException, KmsError
from meridian.ports.audit import AuditStream
from meridian.ports.clock import Clock
from meridian.ports.security_events import SecurityEvents
from meridian.ports.store.audit_events import LEASE_SECONDS, STEADY_SECONDS, StoredEvent
from meridian.ports.store.audit_streams import StreamHead
from meridian.ports.store.store import Store, UnitOfWork
from meridian.setbacks import Setbacks

PER_ROUND: Final = 500
UNREADABLE_MAX: Final = 10_000
LOOK_SECONDS: Final = 1.0
"""For asking what became of an event; its call has ended."""
WRITES_TRIED_SECONDS: Final = 15.0
"""So old the last write may be for a look that finds nothing to write nothing either."""
MARGIN_SECONDS: Final = 2.0
"""A write is begun only while a lease lasts as long as this: it must have ended by then."""


class AuditShipping:
    """One per process."""

    def __init__(self, stream: AuditStream, store: Store, clock: Clock, events: SecurityEvents) -> None:
        self._events = events
        self._setbacks = Setbacks("asking what became of a change")
        self._stream = stream
        self._store = store
        self._clock = clock
        self._owner = stream.head.stream
        self._under_way: dict[str, float] = {}
        """Events of calls that have not ended, each with the local time at which its lease ends."""
        self._durable: list[str] = []
        """Events that stand in the stream, until the database has forgotten them."""
        self._unreadable: dict[str, None] = {}
        """Events that are no record: told once, and left where they are. They hold up no other."""
        self._registered: StreamHead | None = None
        self._is_idle = False
        self._wrote_at = -inf
        """When the database was last written to here, by the monotonic clock."""
        self._one_at_a_time = asyncio.Lock()

    # ---- the event of a call

    async def store(self, uow: UnitOfWork, event_id: str, body: bytes) -> None:
        """Store a call's event with its change, for `write` to write. `drop` it at the call's end, whatever came of it."""
        self._under_way[event_id] = self._clock.monotonic() + LEASE_SECONDS
        await uow.audit_events.insert(event_id, body, owner=self._owner)

    async def write(self, event: Record) -> None:
        """Return once the event of a committed change is durable. Raises: DependencyTimeoutException."""
        event_id = event["eventID"]
        if not self._lasts(self._under_way.get(event_id, 0.0)):
            await self._hold(event_id)
        await self._stream.append_change(event, is_promised=True)

    def drop(self, event_id: str) -> None:
        """The call has ended. What it left unwritten is shipped from the database, if it was committed."""
        self._under_way.pop(event_id, None)

    async def is_committed(self, event_id: str) -> bool | None:
        """Whether the change of a call's event stands, the call having ended before it heard; None where the database does not say."""
        looking = asyncio.ensure_future(self._look(event_id))
        await wait_through(looking, LOOK_SECONDS)
        return looking.result() if looking.done() else None

    async def _look(self, event_id: str) -> bool | None:
        with self._setbacks.expected(KmsError):
            async with self._store.reading() as uow:
                return bool(await uow.audit_events.read([event_id]))
        return None

    async def _hold(self, event_id: str) -> None:
        """This process stood still for so long that another may have taken the event over."""
        began = self._clock.monotonic()
        async with self._store.transaction() as uow:
            is_held = await uow.audit_events.hold(self._owner, event_id)
        if not is_held or not self._lasts(began + LEASE_SECONDS):
            raise DependencyTimeoutException("The audit log did not accept the record in time.", reason="another process writes the record")

    def _lasts(self, until: float) -> bool:
        return self._clock.monotonic() + MARGIN_SECONDS < until

    # ---- in the background

    def is_idle(self) -> bool:
        """Whether, as the last round left it, nothing is held that waits for its writer, its stream or its removal."""
        return self._is_idle and not self._under_way and not self._durable

    async def ship(self) -> bool:
        """Forget what stands in the stream, and write what nobody else writes; True if there may be more. Raises: KmsError."""
        async with self._one_at_a_time:
            return await self._ship()

    async def _ship(self) -> bool:
        if self._stream.trouble():
            await self._settle(None)
            self._is_idle = False
            return False  # leases are not renewed meanwhile: a process whose log works takes over
        began = self._clock.monotonic()
        held = await self._settle(PER_ROUND)
        self._is_idle = not held
        for event_id in held:
            if event_id in self._under_way:
                self._under_way[event_id] = max(self._under_way[event_id], began + STEADY_SECONDS)
        # What a call writes, or has just written, is in one of these until the database has forgotten it.
        busy = self._under_way.keys() | self._unreadable.keys()
        left = [each for each in held if each not in busy and not self._stream.holds(each)]
        if not left:
            return False
        async with self._store.reading() as uow:
            events = await uow.audit_events.read(left[:PER_ROUND])
        if not self._lasts(began + STEADY_SECONDS):
            return True
        records = [record for event in events if (record := self._readable(event)) is not None]
        await asyncio.gather(*[self._stream.append_change(record, is_promised=False) for record in records])
        return len(left) > PER_ROUND

    def _readable(self, event: StoredEvent) -> Record | None:
        try:
            return _record(event)
        except (ValueError, KeyError, TypeError) as fault:  # what no release wrote; `region doctor` lists it
            if len(self._unreadable) >= UNREADABLE_MAX:
                del self._unreadable[next(iter(self._unreadable))]
            self._unreadable[event.event_id] = None
            self._events.report_fault(fault, during=f"audit shipping {event.event_id}")
            return None

    async def _settle(self, claimed: int | None) -> Sequence[str]:
        """Forget what is durable and, if asked to, claim so many events; the answer is what this stream holds then."""
        self._durable += self._stream.durable_changes()
        # Asked without the writer's lock, so that an idle Region stands in nobody's way; what could not be written to is tried again, and
        # so is what was not for a while: it may have become a copy that can only be read.
        began = self._clock.monotonic()
        is_known_to_write = not self._store.trouble() and began < self._wrote_at + WRITES_TRIED_SECONDS
        if not self._durable and is_known_to_write and not await self._is_any_stored():
            return ()
        async with self._store.transaction() as uow:
            await self._forget(uow)
            if claimed is not None:
                await uow.audit_events.claim(self._owner, limit=claimed)
            held = await uow.audit_events.held(self._owner, are_steady=True)
        self._durable, self._wrote_at = [], began
        return held

    async def _is_any_stored(self) -> bool:
        async with self._store.reading() as uow:
            return await uow.audit_events.has_any()

    async def _forget(self, uow: UnitOfWork) -> None:
        if self._durable:
            await uow.audit_events.remove(self._durable)

    async def resume(self) -> None:
        """At the start: take over what earlier streams of this directory left, and did not write. Raises: KmsError, OSError."""
        async with self._store.reading() as uow:
            owners = await uow.audit_events.owners()
        for owner in owners:
            if owner != self._owner and self._stream.is_beside(owner):
                await self._take_over(owner)
        while await self.ship():
            pass

    async def _take_over(self, owner: str) -> None:
        async with self._store.reading() as uow:
            row = await uow.audit_streams.find(owner)
            waiting = await uow.audit_events.held(owner, are_steady=False)
        known = await self._stream.known(owner, row.head.sequence if row else -1, waiting)
        # Only what was looked for is taken: the look comes before the lease, or the next start would look in the wrong stream.
        async with self._store.transaction() as uow:
            await uow.audit_events.remove(known)
            await uow.audit_events.take(self._owner, before=owner)

    async def register(self, *, is_closed: bool) -> None:
        """Tell the database where the stream ends. Raises: KmsError."""
        async with self._one_at_a_time:
            head = self._stream.head
            if head == self._registered and not is_closed:
                return
            self._durable += self._stream.durable_changes()
            async with self._store.transaction() as uow:
                await self._forget(uow)
                await uow.audit_streams.move(head, is_closed=is_closed)
                if is_closed:
                    await uow.audit_events.give_up(self._owner)
            self._durable, self._registered = [], head


def _record(event: StoredEvent) -> Record:
    record: Record = dict(orjson.loads(event.body))
    if record["eventID"] != event.event_id:
        raise ValueError("the event of another name")
    if event.taken_from:
        record["meridian"]["takenFrom"] = event.taken_from
    return record
