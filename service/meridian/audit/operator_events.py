"""The audit event of what an operator does through the Region's database."""

from __future__ import annotations

from typing import Any

import orjson

from meridian.audit.record import OPERATOR, Author, Occasion, region_record, resource, service_record
from meridian.audit.record_bounds import STORED_BYTES_MAX, shortened
from meridian.domain.key import Key
from meridian.errors import KMSInternalException
from meridian.ports.entropy import Entropy
from meridian.ports.store.audit_events import NOBODY
from meridian.ports.store.region import RegionIdentity
from meridian.ports.store.store import UnitOfWork


async def record_operator_event(uow: UnitOfWork, entropy: Entropy, event_name: str, details: dict[str, Any]) -> None:
    """Store the event in this transaction; the serving Region ships it to its stream."""
    identity = await _identity(uow)
    record = region_record(
        event_name,
        identity.region,
        event_id=entropy.uuid(),
        now=await uow.region.now(),
        epoch=identity.incarnation,
        details=details,
    )
    await uow.audit_events.insert(record["eventID"], orjson.dumps(record), owner=NOBODY)


class OperatorEvents:
    """Implements `replication.erase_key.KeyEvents`: what an operator's word does to keys."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy

    async def record_service_event(self, uow: UnitOfWork, event_name: str, key: Key, *, request_id: str, details: dict[str, Any]) -> None:
        """Store the event in this transaction, as the service would."""
        identity = await _identity(uow)
        record = service_record(
            event_name,
            resource(key),
            region=key.region,
            by=Author(OPERATOR, identity.incarnation),
            occasion=Occasion(self._entropy.uuid(), request_id, await uow.region.now()),
            details=details,
        )
        await uow.audit_events.insert(record["eventID"], shortened(orjson.dumps(record), STORED_BYTES_MAX), owner=NOBODY)


async def _identity(uow: UnitOfWork) -> RegionIdentity:
    identity = await uow.region.identity()
    if identity is None:
        raise KMSInternalException(reason="the Region is not initialised")
    return identity
