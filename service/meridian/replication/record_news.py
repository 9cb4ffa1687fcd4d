"""What a member's audit log says of news of its set.

Source: docs/spec/audit.md, events.
"""

from __future__ import annotations

from meridian.audit.record import SYNCHRONISED
from meridian.domain.key import Key
from meridian.domain.multi_region import RowStatus, SetRow
from meridian.errors import KMSInternalException
from meridian.ports.audit import AuditTrail
from meridian.ports.store.store import UnitOfWork
from meridian.replication.publish import with_view
from meridian.replication.sets.changed_properties import moved
from meridian.replication.switch_material import note_rotation


async def record_news(
    uow: UnitOfWork, trail: AuditTrail, before: SetRow, adopted: SetRow, key: Key, grown: Key, *, request_id: str
) -> None:
    """The events of a state that moves what this Region shows of the set: `key` as it was, `grown` with the material that came along."""
    if adopted.view is None:
        raise KMSInternalException(reason="a set without a state")
    properties = moved(before.view if before.status is RowStatus.LIVE else None, adopted.view)
    if properties:
        await trail.record_service_event(uow, SYNCHRONISED, grown, request_id=request_id, details={"properties": properties})
    await note_rotation(uow, trail, key, with_view(grown, adopted.view), request_id=request_id)
