"""Every call leaves a record, and no answer leaves before its record is durable.

A change is told by an event that its own transaction stores; once the change is committed, that very event is what the stream
receives. What becomes of an event whose process died in between is told in `audit/ship_events.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Final

import orjson

from meridian.audit.marked_record import marked_record
from meridian.audit.record import (
    Record,
    authentication,
    call_constants,
    call_record,
    changing_facts,
    decision,
    key_resource,
    region_record,
    resource,
    service_record,
    synchronisation_record,
    user_identity,
)
from meridian.audit.record_bounds import STORED_BYTES_MAX, cut, shortened
from meridian.audit.recorded_facts import caller_facts, key_facts
from meridian.audit.ship_events import AuditShipping
from meridian.audit.shown_parameters import message_as_record, parameters_of
from meridian.call import Call
from meridian.contract.catalog import Rpc
from meridian.domain.bounded_cache import EVERYBODY, BoundedCache, Caches, nobody
from meridian.domain.cache_entries import key_owner
from meridian.domain.encryption_context import CONTEXT_FIELDS
from meridian.domain.identifiers import key_arn
from meridian.domain.key import Key
from meridian.domain.principal import Principal
from meridian.domain.weights import deep_bytes
from meridian.errors import KMSInternalException
from meridian.fault_points import FaultPoint, reach
from meridian.ports.audit import AuditStream
from meridian.ports.clock import Clock
from meridian.ports.entropy import Entropy
from meridian.ports.last_usage import UsageNotes
from meridian.ports.security_events import SecurityEvents
from meridian.ports.store.audit_events import NOBODY
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.store import UnitOfWork

PARTS_MAX: Final = 20_000
PART_BYTES: Final = 800
"""Of the text inside the finished pieces of a part, which cannot be measured: about as long as what it tells of."""


class Parts:
    """Parts of records that one call after another has in common, by the identity of the values they tell of."""

    def __init__(self, caches: Caches) -> None:
        self._kept: BoundedCache[tuple[Any, ...], tuple[Any, Any]] = BoundedCache(
            caches, "audit parts", most=PARTS_MAX, weigh=_part_bytes, left=nobody
        )

    def of(
        self, name: Hashable, values: tuple[Any, ...], keys: Iterable[Key], account: str, build: Callable[[tuple[Any, ...]], Any]
    ) -> Any:
        """The part for these values, which tell of these keys, built once for callers of this account. The values are kept with it, so
        that their identities cannot pass to others."""
        ids = (name, *map(id, values))
        if (kept := self._kept.get(ids)) is not None:
            return kept[1]
        made = build(values)
        self._kept.keep(ids, (values, made), [key_owner(key.account, key.key_id) for key in keys], account)
        return made


def _part_bytes(name: tuple[Any, ...], part: tuple[Any, Any]) -> int:
    """Without the table of operations, which is there anyway."""
    values, made = part
    return PART_BYTES + deep_bytes(name, *(value for value in values if not isinstance(value, Rpc)), made)


def _fragment(value: Any) -> orjson.Fragment:
    """A part as the bytes it will be in the line."""
    return orjson.Fragment(orjson.dumps(value))


class Audit:
    """Implements `ports.audit.AuditTrail`, and closes the record of each call."""

    def __init__(
        self,
        *,
        stream: AuditStream,
        shipping: AuditShipping,
        identity: RegionIdentity,
        replica: str,
        clock: Clock,
        entropy: Entropy,
        usage: UsageNotes,
        caches: Caches,
        events: SecurityEvents,
    ) -> None:
        self._events = events
        self._usage = usage
        self._stream = stream
        self._shipping = shipping
        self._identity = identity
        self._replica = replica
        self._clock = clock
        self._entropy = entropy
        self._parts = Parts(caches)

    # ---- in an operation's transaction

    async def record(self, uow: UnitOfWork, call: Call) -> None:
        event, stored = _as_stored(self._call_record(call))
        # The space is there before the change is: a log that takes nothing more refuses the change, not only the answer.
        if call.event_recorded is None:
            await self._stream.reserve()
        else:
            self._shipping.drop(call.event_recorded["eventID"])
        call.event_recorded = event  # from here on `close` gives the space back, also where the database refuses the event
        await self._shipping.store(uow, event["eventID"], stored)

    async def record_service_event(self, uow: UnitOfWork, event_name: str, key: Key, *, request_id: str, details: Record) -> None:
        event = service_record(
            event_name,
            resource(key),
            region=key.region,
            event_id=self._entropy.uuid(),
            request_id=request_id,
            now=self._clock.now(),
            replica=self._replica,
            epoch=self._identity.incarnation,
            details=details,
        )
        await self._insert(uow, event)

    async def record_synchronisation(
        self, uow: UnitOfWork, account: str, key_id: str, properties: Sequence[str], *, request_id: str
    ) -> None:
        region = self._identity.region
        event = synchronisation_record(
            key_resource(key_arn(self._identity.partition, region, account, key_id), account),
            region=region,
            event_id=self._entropy.uuid(),
            request_id=request_id,
            now=self._clock.now(),
            replica=self._replica,
            epoch=self._identity.incarnation,
            properties=properties,
        )
        await self._insert(uow, event)

    async def _insert(self, uow: UnitOfWork, event: Record) -> None:
        """What the service does by itself is shipped from the database, in its time; what counts is that the log takes records now."""
        await self._stream.reserve()
        self._stream.release()
        await uow.audit_events.insert(event["eventID"], shortened(orjson.dumps(event), STORED_BYTES_MAX), owner=NOBODY)

    async def record_policy_set(self, digest: str, policies: int) -> None:
        """The Region's files say something else from now on. Raises: KmsError, and then the change must not happen."""
        record = region_record(
            "PolicySetChange",
            self._identity.region,
            event_id=self._entropy.uuid(),
            now=self._clock.now(),
            epoch=self._identity.incarnation,
            details={"digest": digest, "policies": policies},
        )
        await self._stream.append(record)

    async def record_dev_state_deletion(self, principal: Principal, address: str) -> None:
        """A caller empties this development Region. Raises: KmsError, and then it must not happen."""
        record = region_record(
            "DeleteDevelopmentState",
            self._identity.region,
            event_id=self._entropy.uuid(),
            now=self._clock.now(),
            epoch=self._identity.incarnation,
            details={},
        )
        record |= {"userIdentity": user_identity(principal), "sourceIPAddress": address, "recipientAccountId": principal.account}
        record["meridian"]["authn"] = authentication(principal)
        await self._stream.append(record)

    # ---- at the end of a call

    async def close(self, call: Call) -> None:
        """Return once the call's record is durable. Raises: DependencyTimeoutException."""
        stored = call.event_recorded
        try:
            event, is_change = (self._record_of(call), False) if stored is None else await self._what_stands(call, stored)
            if call.item is not None:
                await call.item.gathered()
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
            return self._record_of(call), False
        if call.error is None:
            return stored, True
        is_committed = await self._shipping.is_committed(stored["eventID"])
        if is_committed:
            stored["meridian"]["unheard"] = getattr(call.error, "code", KMSInternalException.__name__)
            return stored, True
        record = self._record_of(call)
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

    def _record_of(self, call: Call) -> Record:
        """The call's record, whatever the call holds: what cannot be shown is marked, and operators hear of it."""
        try:
            record = self._call_record(call)
            orjson.dumps(record)  # a microsecond: what is no JSON would fail the records that are written with it
        except Exception as fault:
            self._events.report_fault(fault, during=f"the record of {call.rpc.name}")
            return marked_record(
                call,
                region=self._identity.region,
                event_id=self._entropy.uuid(),
                replica=self._replica,
                epoch=self._identity.incarnation,
                latency_ms=self._latency_ms(call),
            )
        return record

    def _call_record(self, call: Call) -> Record:
        elements = call.response_elements
        if elements is not None and any(hasattr(v, "DESCRIPTOR") for v in elements.values()):
            call.response_elements = {name: _as_record(value) for name, value in elements.items()}
        principal, parts = call.principal, self._parts
        keys = call.keys.values()
        account = principal.account if principal is not None else EVERYBODY
        # The operation and the fields that name its keys are part of what the constants are kept under; the catalog keeps it alive.
        constants = parts.of(("call", *call.keys), (call.rpc, principal, *keys), keys, account, lambda _: self._constants(call))
        return call_record(
            call,
            constants,
            event_id=self._entropy.uuid(),
            replica=self._replica,
            epoch=self._identity.incarnation,
            parameters=self._parameters(call),
            latency_ms=self._latency_ms(call),
            decisions=parts.of(
                "decisions", tuple(call.decisions), keys, account, lambda made: _fragment([decision(each) for each in made])
            ),
            changing=changing_facts(call),
        )

    def _latency_ms(self, call: Call) -> float:
        return (self._clock.monotonic() - call.started) * 1000

    def _parameters(self, call: Call) -> Record:
        shown = parameters_of(call.request)
        for field, context in call.contexts.items():
            if context:
                # One without its canonical form was refused, perhaps for its size.
                shown[CONTEXT_FIELDS[field]] = context if field in call.canonical_context else cut(context)
        return shown

    def _constants(self, call: Call) -> Record:
        identity = _fragment(user_identity(call.principal))
        resources = _fragment([resource(key) for key in call.keys.values()])
        authn = _fragment(authentication(call.principal))
        known = _fragment({"caller": caller_facts(call.principal), "keys": {field: key_facts(key) for field, key in call.keys.items()}})
        return call_constants(call, region=self._identity.region, identity=identity, resources=resources, authn=authn, facts=known)


def _as_stored(event: Record) -> tuple[Record, bytes]:
    """An event as the stream must receive it, which is what the database stores, and its bytes."""
    line = orjson.dumps(event)
    stored = shortened(line, STORED_BYTES_MAX)
    return (event if stored is line else orjson.loads(stored)), stored


def _as_record(value: Any) -> Any:
    return message_as_record(value) if hasattr(value, "DESCRIPTOR") else value
