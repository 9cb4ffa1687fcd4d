"""The audit event of what an operator does through the Region's database."""

from __future__ import annotations

from typing import Any

import orjson

from meridian.domain.audit_record import region_record
from meridian.errors import KMSInternalException
from meridian.ports.audit_events import NOBODY
from meridian.ports.entropy import Entropy
from meridian.ports.store import UnitOfWork


async def record_operator_event(uow: UnitOfWork, entropy: Entropy, event_name: str, details: dict[str, Any]) -> None:
    """Store the event in this transaction; the serving Region ships it to its stream."""
    identity = await uow.region.identity()
    if identity is None:
        raise KMSInternalException(reason="the Region is not initialised")
    record = region_record(
        event_name,
        identity.region,
        event_id=entropy.uuid(),
        now=await uow.region.now(),
        epoch=identity.incarnation,
        details=details,
    )
    await uow.audit_events.insert(record["eventID"], orjson.dumps(record), owner=NOBODY)
