"""Makes the records of one process: of calls, of what the service does by itself, and of what happens to its Region."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Final

import orjson

from meridian.audit.marked_record import marked_record
from meridian.audit.record import (
    Author,
    Occasion,
    OfCall,
    Record,
    authentication,
    call_constants,
    call_record,
    changing_facts,
    decision,
    key_resource,
    record_beginning,
    region_record,
    resource,
    service_record,
    synchronisation_record,
    user_identity,
)
from meridian.audit.record_bounds import cut
from meridian.audit.recorded_facts import caller_facts, key_facts
from meridian.audit.shown_parameters import message_as_record, parameters_of
from meridian.call import Call, RecordBeginning
from meridian.contract.catalog import Rpc
from meridian.domain.bounded_cache import EVERYBODY, BoundedCache, Caches, nobody
from meridian.domain.cache_entries import key_owner
from meridian.domain.encryption_context import CONTEXT_FIELDS
from meridian.domain.identifiers import key_arn
from meridian.domain.key import Key
from meridian.domain.principal import Principal
from meridian.domain.weights import deep_bytes
from meridian.ports.clock import Clock
from meridian.ports.entropy import Entropy
from meridian.ports.security_events import SecurityEvents
from meridian.ports.store.region import RegionIdentity

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


class RecordMaker:
    """Writes nothing: every method answers a record."""

    def __init__(
        self, *, identity: RegionIdentity, replica: str, clock: Clock, entropy: Entropy, caches: Caches, events: SecurityEvents
    ) -> None:
        self._identity = identity
        self._author = Author(replica, identity.incarnation)
        self._clock = clock
        self._entropy = entropy
        self._parts = Parts(caches)
        self._events = events

    # ---- of what the service, or an operator, does

    def of_service(self, event_name: str, key: Key, *, request_id: str, details: Record) -> Record:
        occasion = self._occasion(request_id)
        return service_record(event_name, resource(key), region=key.region, by=self._author, occasion=occasion, details=details)

    def of_synchronisation(self, account: str, key_id: str, properties: Sequence[str], *, request_id: str) -> Record:
        region = self._identity.region
        primary = key_resource(key_arn(self._identity.partition, region, account, key_id), account)
        occasion = self._occasion(request_id)
        return synchronisation_record(primary, region=region, by=self._author, occasion=occasion, properties=properties)

    def of_region(self, event_name: str, details: Record) -> Record:
        return region_record(
            event_name,
            self._identity.region,
            event_id=self._entropy.uuid(),
            now=self._clock.now(),
            epoch=self._identity.incarnation,
            details=details,
        )

    def of_caller(self, event_name: str, principal: Principal, address: str) -> Record:
        """Of what this caller does to the Region itself."""
        record = self.of_region(event_name, {})
        record |= {"userIdentity": user_identity(principal), "sourceIPAddress": address, "recipientAccountId": principal.account}
        record["meridian"]["authn"] = authentication(principal)
        return record

    def _occasion(self, request_id: str) -> Occasion:
        return Occasion(self._entropy.uuid(), request_id, self._clock.now())

    # ---- of calls

    def of_call(self, call: Call) -> Record:
        """As the call stands now."""
        elements = call.response_elements
        if elements is not None and any(hasattr(v, "DESCRIPTOR") for v in elements.values()):
            call.response_elements = {name: _as_record(value) for name, value in elements.items()}
        beginning = call.record_beginning or self._beginning(call)
        if call.item is not None:
            call.record_beginning = beginning
        return call_record(call, beginning, event_id=self._entropy.uuid(), latency_ms=self._latency_ms(call))

    def _beginning(self, call: Call) -> RecordBeginning:
        principal, parts = call.principal, self._parts
        keys = call.keys.values()
        account = principal.account if principal is not None else EVERYBODY
        # The operation and the fields that name its keys are part of what the constants are kept under; the catalog keeps it alive.
        constants = parts.of(("call", *call.keys), (call.rpc, principal, *keys), keys, account, lambda _: self._constants(call))
        decisions = parts.of("decisions", tuple(call.decisions), keys, account, lambda made: _fragment([decision(each) for each in made]))
        own = OfCall(_parameters(call), decisions, changing_facts(call))
        return record_beginning(call, constants, by=self._author, own=own)

    def of_any_call(self, call: Call) -> Record:
        """The same, whatever the call holds: what cannot be shown is marked, and operators hear of it."""
        try:
            record = self.of_call(call)
            orjson.dumps(record)  # a microsecond: what is no JSON would fail the records that are written with it
        except Exception as fault:
            self._events.report_fault(fault, during=f"the record of {call.rpc.name}")
            return marked_record(
                call,
                region=self._identity.region,
                by=self._author,
                event_id=self._entropy.uuid(),
                latency_ms=self._latency_ms(call),
            )
        return record

    def _latency_ms(self, call: Call) -> float:
        return (self._clock.monotonic() - call.started) * 1000

    def _constants(self, call: Call) -> Record:
        identity = _fragment(user_identity(call.principal))
        resources = _fragment([resource(key) for key in call.keys.values()])
        authn = _fragment(authentication(call.principal))
        known = _fragment({"caller": caller_facts(call.principal), "keys": {field: key_facts(key) for field, key in call.keys.items()}})
        return call_constants(call, region=self._identity.region, identity=identity, resources=resources, authn=authn, facts=known)


def _parameters(call: Call) -> Record:
    shown = parameters_of(call.request)
    for field, context in call.contexts.items():
        if context:
            # One without its canonical form was refused, perhaps for its size.
            shown[CONTEXT_FIELDS[field]] = context if field in call.canonical_context else cut(context)
    return shown


def _as_record(value: Any) -> Any:
    return message_as_record(value) if hasattr(value, "DESCRIPTOR") else value
