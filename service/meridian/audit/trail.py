"""Every call leaves a record, and no answer leaves before its record is durable.

A change is told by an event that its own transaction stores; once the change is committed, that very event is what the stream
receives. What becomes of an event whose process died in between is told in `audit/ship_events.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from meridian.audit.record import Record
from meridian.audit.record_bounds import STORED_BYTES_MAX, shortened
from meridian.audit.record_maker import RecordMaker
from meridian.audit.ship_events import AuditShipping
from meridian.call import Call
from meridian.domain.key import Key
from meridian.domain.principal import Principal
from meridian.errors import KMSInternalException
from meridian.fault_points import FaultPoint, reach
from meridian.ports.audit import AuditStream
from meridian.ports.last_usage import UsageNotes
from meridian.ports.store.audit_events import NOBODY
from meridian.ports.store.store import UnitOfWork


class Audit:
    """Implements `ports.audit.AuditTrail`, and closes the record of each call."""

    def __init__(self, *, stream: AuditStream, shipping: AuditShipping, records: RecordMaker, usage: UsageNotes) -> None:
        self._stream = stream
        self._shipping = shipping
        self._records = records
        self._usage = usage

    # ---- in an operation's transaction

    async def record(self, uow: UnitOfWork, call: Call) -> None:
        event, stored = _as_stored(self._records.of_call(call))
        # The space is there before the change is: a log that takes nothing more refuses the change, not only the answer.
        if call.event_recorded is None:
            await self._stream.reserve()
        else:
            self._shipping.drop(call.event_recorded["eventID"])
        call.event_recorded = event  # from here on `close` gives the space back, also where the database refuses the event
        await self._shipping.store(uow, event["eventID"], stored)

    async def record_service_event(self, uow: UnitOfWork, event_name: str, key: Key, *, request_id: str, details: Record) -> None:
        await self._insert(uow, self._records.of_service(event_name, key, request_id=request_id, details=details))

    async def record_synchronisation(
        self, uow: UnitOfWork, account: str, key_id: str, properties: Sequence[str], *, request_id: str
    ) -> None:
        await self._insert(uow, self._records.of_synchronisation(account, key_id, properties, request_id=request_id))

    async def _insert(self, uow: UnitOfWork, event: Record) -> None:
        """What the service does by itself is shipped from the database, in its time; what counts is that the log takes records now."""
        await self._stream.reserve()
        self._stream.release()
        await uow.audit_events.insert(event["eventID"], shortened(orjson.dumps(event), STORED_BYTES_MAX), owner=NOBODY)

    async def record_policy_set(self, digest: str, policies: int) -> None:
        """The Region's files say something else from now on. Raises: KmsError, and then the change must not happen."""
        await self._stream.append(self._records.of_region("PolicySetChange", {"digest": digest, "policies": policies}))

    async def record_dev_state_deletion(self, principal: Principal, address: str) -> None:
        """A caller empties this development Region. Raises: KmsError, and then it must not happen."""
        await self._stream.append(self._records.of_caller("DeleteDevelopmentState", principal, address))

    # ---- at the end of a call

    def record_of(self, call: Call) -> Record:
        """The record of an item of a batch, which changes nothing."""
        return self._records.of_any_call(call)

    async def close_items(self, items: Sequence[tuple[Call, Record]]) -> None:
        """Return once these records, of items of one batch, are durable. Raises: DependencyTimeoutException."""
        await self._stream.append(*[record for _, record in items])
        reach(FaultPoint.AUDIT_DURABLE)
        for call, record in items:
            if call.error is None:
                self._usage.note(call, record["eventID"])

    async def close(self, call: Call) -> None:
        """Return once the call's record is durable. Raises: DependencyTimeoutException."""
        stored = call.event_recorded
        try:
            event, is_change = (self._records.of_any_call(call), False) if stored is None else await self._what_stands(call, stored)
            await (self._shipping.write(event) if is_change else self._stream.append(event))
            reach(FaultPoint.AUDIT_DURABLE)
            if call.error is None:
                self._usage.note(call, event["eventID"])
        finally:
            if stored is not None:
                self._stream.release()
                self._shipping.drop(stored["eventID"])

    async def _what_stands(self, call: Call, stored: Record) -> tuple[Record, bool]:
        """The one record of the call, and whether it is the event of a change that was committed: that is the truth of a call that failed
        or was cut after its commit, and says what its caller was told. Where nobody can say, the failure names the event."""
        if call.repeat_of:
            return self._records.of_any_call(call), False
        if call.error is None:
            return stored, True
        is_committed = await self._shipping.is_committed(stored["eventID"])
        if is_committed:
            stored["meridian"]["unheard"] = getattr(call.error, "code", KMSInternalException.__name__)
            return stored, True
        record = self._records.of_any_call(call)
        if is_committed is None:
            record["meridian"]["undecidedEvent"] = stored["eventID"]
        return record, False

    def withdraw(self, call: Call) -> None:
        """Give back the space of an event whose transaction came to nothing, before the call begins anew."""
        stored = call.event_recorded
        if stored is not None:
            self._stream.release()
            self._shipping.drop(stored["eventID"])
            call.event_recorded = None


def _as_stored(event: Record) -> tuple[Record, bytes]:
    """An event as the stream must receive it, which is what the database stores, and its bytes."""
    line = orjson.dumps(event)
    stored = shortened(line, STORED_BYTES_MAX)
    return (event if stored is line else orjson.loads(stored)), stored
