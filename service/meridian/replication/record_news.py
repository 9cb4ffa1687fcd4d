"""What a member's audit log says of news of its set.

Source: docs/spec/audit.md, events.
"""

from __future__ import annotations

from dataclasses import dataclass

from meridian.audit.record import SYNCHRONISED
from meridian.domain.key import Key
from meridian.domain.multi_region import RowStatus, SetRow
from meridian.errors import KMSInternalException
from meridian.ports.audit import AuditTrail
from meridian.ports.store.store import UnitOfWork
from meridian.replication.publish import with_view
from meridian.replication.sets.changed_properties import moved
from meridian.replication.switch_material import note_rotation


@dataclass(frozen=True, slots=True)
class News:
    """What a newer state of a set makes of what is here."""

    before: SetRow
    adopted: SetRow
    key: Key
    """As it was."""
    grown: Key
    """With the material that came along."""
    request_id: str


async def record_news(uow: UnitOfWork, trail: AuditTrail, news: News) -> None:
    """The events of a state that moves what this Region shows of the set."""
    adopted, grown = news.adopted, news.grown
    if adopted.view is None:
        raise KMSInternalException(reason="a set without a state")
    properties = moved(news.before.view if news.before.status is RowStatus.LIVE else None, adopted.view)
    if properties:
        await trail.record_service_event(uow, SYNCHRONISED, grown, request_id=news.request_id, details={"properties": properties})
    await note_rotation(uow, trail, news.key, with_view(grown, adopted.view), request_id=news.request_id)
